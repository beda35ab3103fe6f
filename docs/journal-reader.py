"""Reads a journal of the PostgreSQL operator, or an export of one, and verifies its chains. Python 3.8 and later, nothing else.

    python3 journal-reader.py journal.db | incident.ndjson

Prints one line for each cluster. Exit code 0: everything is as it was written; 2: it is not, or it is no journal.
The format is docs/journal-format.md.
"""
import hashlib
import json
import re
import sqlite3
import sys

FIELDS = ["seq", "epoch", "at", "kind", "type", "typeVersion", "maskVersion", "causedBy", "body", "prev"]


def sha256(text):
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def framed(values):
    return "".join("-:" if value is None else "%d:%s" % (len(str(value).encode("utf-8")), value) for value in values)


def verify(uid, rows, blobs, first):
    """Yields what is wrong with the rows of a cluster; `first` is (seq, hash) of the row before them, or None."""
    seq, prev = first or (0, "0" * 64)
    for row in rows:
        if (row["seq"], row["prev"]) != (seq + 1, prev) and not (row is rows[0] and row["kind"] == "base"):
            yield "row %d is not linked to the row before it" % row["seq"]
        if sha256(framed([uid] + [row[field] for field in FIELDS])) != row["hash"]:
            yield "row %d does not match its hash" % row["seq"]
        for name in re.findall(r'"\$blob":"([0-9a-f]{64})"', row["body"]):
            if sha256(blobs.get(name, "")) != name:
                yield "blob %s of row %d is missing or altered" % (name, row["seq"])
        seq, prev = row["seq"], row["hash"]


def read_export(path):
    text = open(path, "rb").read().decode("utf-8")
    lines = text[:-1].split("\n")
    header, digest = json.loads(lines[0]), sha256("")
    for line in lines[:-1]:
        digest = sha256(digest + "\n" + line)
    found = [json.loads(line) for line in lines[1:-1]]
    rows = [each for each in found if each["line"] == "record"]
    first = [(each["seq"], each["head"]) for each in found if each["line"] == "standing"]
    if "redacted" in header and rows:
        first = [(rows[0]["seq"] - 1, "0" * 64)]
    last = rows[-1] if rows else {"epoch": 0, "seq": 0, "hash": ""}
    head = {"epoch": last["epoch"], "seq": last["seq"], "head": last["hash"]}
    trailer = {"line": "trailer", "records": len(rows), "head": head, "digest": digest}
    whole = lines[-1] + text[-1:] == json.dumps(trailer, separators=(",", ":")) + "\n"
    wrong = [] if whole else ["the trailer does not match"]
    if lines[-1].startswith('{"line":"broken",'):
        wrong = ["it broke off where it was made: " + json.loads(lines[-1])["because"]]
    blobs = {each["hash"]: each["bytes"] for each in found if each["line"] == "blob"}
    yield header["cluster"], rows, blobs, (first or [None])[0], wrong


def read_database(path):
    db = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
    if db.execute("PRAGMA application_id").fetchone()[0] != 0x50474F4A or db.execute("PRAGMA user_version").fetchone()[0] > 1:
        raise ValueError("this is no journal, or one of a newer format")
    blobs = dict(db.execute("SELECT hash, bytes FROM blob"))
    columns = "seq, epoch, at, kind, type, type_version, mask_version, caused_by, body, prev, hash"
    for number, uid, namespace, name in db.execute("SELECT id, uid, namespace, name FROM cluster").fetchall():
        found = db.execute("SELECT %s FROM record WHERE cluster_id = ? ORDER BY seq" % columns, [number])
        yield {"uid": uid, "namespace": namespace, "name": name}, [dict(zip(FIELDS + ["hash"], row)) for row in found], blobs, None, []


def main(path):
    ok = True
    for cluster, rows, blobs, first, wrong in (read_export if path.endswith(".ndjson") else read_database)(path):
        wrong = wrong + list(verify(cluster["uid"], rows, blobs, first))
        print("%s/%s: %d rows, head %s" % (cluster["namespace"], cluster["name"], len(rows), rows[-1]["hash"] if rows else "none"))
        for each in wrong:
            print("damage: " + each)
        ok = ok and not wrong
    return 0 if ok else 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1]))
    except (ValueError, KeyError, IndexError, OSError, sqlite3.Error) as error:
        print("it cannot be read: %s" % error)
        sys.exit(2)
