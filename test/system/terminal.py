"""Runs a command on a terminal of its own, and tells as JSON what it printed and how it ended.

terminal.py COLUMNS STAY|DETACH|HANGUP TEXT COMMAND...

STAY: the terminal stays. DETACH: it vanishes when TEXT has been printed, without a word to the command. HANGUP: it
vanishes, and the command is told by SIGHUP, as a closed window does.
"""

import fcntl
import json
import os
import pty
import struct
import sys
import termios

columns, mode, text, *command = sys.argv[1:]
terminal, end = pty.openpty()
fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
child = os.fork()
if child == 0:
    os.setsid()
    if mode == "HANGUP":
        fcntl.ioctl(end, termios.TIOCSCTTY, 0)
    for descriptor in (0, 1, 2):
        os.dup2(end, descriptor)
    os.close(terminal)
    os.close(end)
    os.execvp(command[0], command)
os.close(end)

output = b""
while mode == "STAY" or text.encode() not in output:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    output += piece
os.close(terminal)
_, status = os.waitpid(child, 0)
print(json.dumps({
    "output": output.decode("utf-8", "replace"),
    "code": os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
    "signal": os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
}))
