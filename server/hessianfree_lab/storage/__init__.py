"""Where files of runs lie: a folder of this machine, one that several share, or objects behind a URL."""
