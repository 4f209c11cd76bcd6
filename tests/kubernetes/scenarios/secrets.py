"""secrets.py FOLDER: searches everything that trueup printed, logged, stored or sent under FOLDER for the secret values of the scenarios, plain and in
base64. What holds them by right is left out: the manifests themselves, kubectl's files, and the Git mirror, which is a copy of the repository."""
import base64
import os
import sys

WORDS = ["plain", "second", "edited", "added", "third", "encoded"]
needles = {}
for word in WORDS:
    value = f"{word}-secret-of-this-test".encode()
    needles[value] = value.decode()
    needles[base64.b64encode(value).rstrip(b"=")[:-1]] = value.decode() + " in base64"
found = 0
files = 0
for folder, folders, names in os.walk(sys.argv[1]):
    folders[:] = [f for f in folders if f != "manifests"]
    for name in names:
        path = os.path.join(folder, name)
        if name in ("edited", "kubectl") or not os.path.isfile(path):
            continue
        files += 1
        with open(path, "rb") as f:
            text = f.read()
        for needle, words in needles.items():
            if needle in text:
                print(f"{path} has {words}")
                found += 1
print(f"{files} files searched")
sys.exit(bool(found) or files < 10)
