# Makes a C string of each line, for front.c.
s/\\/\\\\/g
s/"/\\"/g
s/.*/"&\\n",/
