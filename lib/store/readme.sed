# Makes a C string of each line, for readme.c.
s/\\/\\\\/g
s/"/\\"/g
s/.*/"&\\n",/
