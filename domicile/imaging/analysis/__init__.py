"""One small file for each thing that is told of a picture; all but metadata look at one small upright copy of it."""
