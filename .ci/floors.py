"""Checks that includes in core/ go only downwards: a folder may use what stands on a lower floor, or itself.

The table is DESIGN section 3. To add a folder: give it its floor here and draw it in CONTRIBUTING.md.
"""
import pathlib, re, sys

FLOORS = {
    "base": 0, "value": 1, "model": 2, "config": 2, "compare": 3, "store": 3, "plugin": 3, "desired": 4, "rules": 4,
    "heal": 5, "alert": 5, "image": 5, "report": 5, "engine": 6, "server": 7, "cli": 8,
}
bad = []
for path in sorted(pathlib.Path("core").rglob("*.[ch]")):
    room = path.parts[1]
    if path.parent == pathlib.Path("core"):
        continue
    if room not in FLOORS:
        bad.append(f"{path}: the folder core/{room} has no floor")
        continue
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
        if not match or match[1] == room:
            continue
        other = match[1]
        if other not in FLOORS:
            bad.append(f"{path}:{number}: includes {other}/, which is no folder of core/")
        elif FLOORS[other] >= FLOORS[room]:
            bad.append(f"{path}:{number}: {room} (floor {FLOORS[room]}) includes {other} (floor {FLOORS[other]})")
for path in sorted(pathlib.Path("plugins").rglob("*.[ch]")):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+"([^"/]+)/', line)
        if match and match[1] in FLOORS:
            bad.append(f"{path}:{number}: a plugin includes core's {match[1]}/")
print("\n".join(bad) or "every include goes downwards")
sys.exit(bool(bad))
