"""How the shipped weights were made: one resumable stage a file, one loop, one data folder."""
