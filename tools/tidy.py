#!/usr/bin/env python3
"""tidy.py ROOT [--update]: checks the house's rules that no compiler checks.

- FLOORS: an include may only point to a lower floor (or stay in its room).
- Heavy headers stand only in the files that tools/heavy_headers.txt names.
- Banned calls, each with its replacement. A line that ends in "// tidy: REASON" is exempt.
- Files and functions have a length limit; longer ones are listed in tools/ratchet.txt with their present
  length, which may only fall. --update writes the ratchet anew.
- No type of one program is defined twice under one name in one namespace: the linker would mix them up unasked.
- No header is dead, every room has a README, and no word marks unfinished work.
- Each RFC that src/ cites has one row in docs/rfc-index.md, and what a row names is there.
Exit 0: nothing found; 1: findings, one a line; 2: usage.
"""
import os
import re
import subprocess
import sys

FILE_LINES = 500
FUNCTION_LINES = 70
LINE_COLUMNS = 140

BANNED = [
    (r"\bstrcpy\b|\bstrcat\b|\bsprintf\b|\bvsprintf\b|\bgets\b", "std::string or fmt::format"),
    (r"(?<![\w.:>])system\s*\(", "no shell is started"),
    (r"\brand\s*\(\s*\)|\bsrand\b|std::mt19937|std::random_device", "base/random.h"),
    (r"std::chrono::(system|steady|high_resolution)_clock::now|\bgettimeofday\b|(?<![\w.:>])time\s*\(\s*(nullptr|NULL|0)\s*\)", "base/time.h"),
    (r"this_thread::sleep_|\busleep\b|(?<![\w.:>])sleep\s*\(", "io's sleep_until"),
    (r"\bstd::regex\b", "a grammar function"),
    (r"\bmemcmp\s*\(", "std::string_view comparison, or equal_constant_time for secrets"),
    (r"\bdynamic_cast\b", "a virtual function"),
    (r"std::cout|std::cerr", "base/log.h, or fmt::print in program/"),
    (r"\bconst_cast\b", "a type that says what is meant"),
]
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|not implemented|unimplemented)\b")
SOURCE = re.compile(r"^(src|tests|bench)/.*\.(h|cpp)$")
FOREIGN = re.compile(r"(/vectors/|^bench/load/)")


def tracked(root):
    out = subprocess.run(["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
                         capture_output=True, text=True, check=True).stdout
    return [f for f in out.splitlines() if os.path.exists(os.path.join(root, f))]


def read(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as f:
        return f.read()


def floors(root):
    order = {}
    lines = [line.split("#")[0].strip() for line in read(root, "FLOORS").splitlines()]
    for level, line in enumerate(line for line in lines if line):
        for room in line.split():
            order[room] = level
    return order


def room_of(path, order):
    parts = path.split("/")
    for depth in (2, 1):
        name = "/".join(parts[:depth])
        if len(parts) > depth and name in order:
            return name
    return None


def check_floors(root, files, findings):
    order = floors(root)
    for name in files:
        if not name.startswith("src/") or not name.endswith((".h", ".cpp")):
            continue
        room = room_of(name[4:], order)
        if room is None:
            findings.append(f"{name}: its room is not in FLOORS")
            continue
        for number, line in enumerate(read(root, name).splitlines(), 1):
            match = re.match(r'\s*#include "([^"]+)"', line)
            if not match or match.group(1).startswith("support/"):
                continue
            other = room_of(match.group(1), order)
            if other is None:
                findings.append(f'{name}:{number}: include "{match.group(1)}" names no room')
            elif other != room and order[other] <= order[room]:
                findings.append(f"{name}:{number}: {room} may not know {other}: it does not stand on a lower floor")


def check_heavy(root, files, findings):
    allowed = {}
    for line in read(root, "tools/heavy_headers.txt").splitlines():
        line = line.split("#")[0].strip()
        if line:
            header, *names = line.split()
            allowed[header] = names
    for name in files:
        if not SOURCE.match(name) or not name.startswith("src/"):
            continue
        for number, line in enumerate(read(root, name).splitlines(), 1):
            match = re.match(r"\s*#include <([^>]+)>", line)
            if not match:
                continue
            for header, names in allowed.items():
                home = any(name == n or (n.endswith("/") and name.startswith(n)) for n in names)
                if match.group(1).startswith(header) and ((name.endswith(".h") and name not in names) or not home):
                    findings.append(f"{name}:{number}: <{match.group(1)}> belongs into the files of tools/heavy_headers.txt only")


LITERALS = re.compile(r'R"(\w*)\(.*?\)\1"|//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|(?<![0-9A-Fa-f])\'(?:\\.|[^\'\\\n])+\'', re.S)


def strip_code(text):
    """The text with comments and literals blanked, line structure kept."""
    return LITERALS.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


NO_FUNCTION = re.compile(r"\s*(namespace|class|struct|enum|union|extern|#|\}|TEST_CASE|if|for|while|switch|else|do)\b")


def functions(code):
    """The lengths of function bodies: from a brace at a line's end, after a parameter list, to the closing one."""
    for i, line in enumerate(code):
        indent = len(line) - len(line.lstrip())
        if indent > 2 or not line.rstrip().endswith("{") or NO_FUNCTION.match(line) or "= {" in line:
            continue
        if not any(")" in part for part in code[max(0, i - 4):i + 1]):
            continue
        end = " " * indent + "}"
        for j in range(i + 1, len(code)):
            if code[j].startswith(end):
                yield j - i + 1
                break


def measure(root, files):
    longer = {}
    for name in files:
        if not SOURCE.match(name) or name.endswith("_test.cpp") or FOREIGN.search(name):
            continue
        text = read(root, name)
        lines = text.count("\n")
        if lines > FILE_LINES:
            longer[name] = lines
        worst = max(functions(strip_code(text).splitlines()), default=0)
        if worst > FUNCTION_LINES:
            longer[name + ":function"] = worst
    return longer


def check_lengths(root, files, findings, update):
    longer = measure(root, files)
    path = os.path.join(root, "tools/ratchet.txt")
    if update:
        with open(path, "w", encoding="utf-8") as f:
            f.write(f"# Files over {FILE_LINES} lines and functions over {FUNCTION_LINES} lines, with the length they have. Numbers may only fall.\n")
            f.writelines(f"{key} {longer[key]}\n" for key in sorted(longer))
        return
    known = {}
    for line in read(root, "tools/ratchet.txt").splitlines():
        if line and not line.startswith("#"):
            key, number = line.rsplit(" ", 1)
            known[key] = int(number)
    for key, length in sorted(longer.items()):
        function = key.endswith(":function")
        limit = known.get(key, FUNCTION_LINES if function else FILE_LINES)
        if length > limit:
            what = "its longest function" if function else "the file"
            findings.append(f"{key.removesuffix(':function')}: {what} has {length} lines, at most {limit}")


def check_text(root, files, findings):
    for name in files:
        if not SOURCE.match(name) or FOREIGN.search(name):
            continue
        raw = read(root, name)
        product = name.startswith("src/") and not name.endswith(("_test.cpp", "_fuzz.cpp"))
        for number, (line, full) in enumerate(zip(strip_code(raw).splitlines(), raw.splitlines()), 1):
            if UNFINISHED.search(full):
                findings.append(f"{name}:{number}: a mark of unfinished work")
            if len(full) > LINE_COLUMNS and "http" not in full and 'R"' not in full:
                findings.append(f"{name}:{number}: {len(full)} columns, at most {LINE_COLUMNS}")
            if not product or "// tidy: " in full or name == "src/base/time.cpp":
                continue
            for pattern, instead in BANNED:
                match = re.search(pattern, line)
                if match:
                    findings.append(f"{name}:{number}: use {instead} instead of {match.group(0)!r}")


def types(code):
    """(namespace, name) of each type defined in a named namespace. Relies on the formatting: namespaces are not indented."""
    inside = []
    for line in code.splitlines():
        if found := re.match(r"namespace ?([\w:]*) \{", line):
            inside.append(found.group(1))
        elif line.startswith("}  // namespace"):
            inside = inside[:-1]
        elif (found := re.match(r"(?:class|struct|union|enum class)(?: alignas\([^)]*\))? (\w+)(?: final)?(?: :.*)? ?\{", line)) and "" not in inside:
            yield "::".join(inside), found.group(1)


def check_types(root, files, findings):
    """Tests are programs of their own: theirs are compared with the product's, and each with those of its room."""
    seen = {}
    for name in files:
        if not SOURCE.match(name) or FOREIGN.search(name):
            continue
        for type_name in types(strip_code(read(root, name))):
            seen.setdefault(type_name, []).append(name)
    for (space, name), places in seen.items():
        product = [p for p in places if p.startswith("src/") and not re.search(r"_(test|fuzz)\.cpp$", p)]
        for folder in {os.path.dirname(p) for p in places}:
            together = set(product) | {p for p in places if os.path.dirname(p) == folder}
            if len(together) > 1:
                findings.append(f"{sorted(together)[-1]}: {space}::{name} is defined in {sorted(together)[0]}, too")
                break


def check_dead(root, files, findings):
    included = set()
    for name in files:
        if SOURCE.match(name) and not FOREIGN.search(name):
            included.update(re.findall(r'#include "([^"]+)"', read(root, name)))
    order = floors(root)
    for name in files:
        if name.startswith("src/") and name.endswith(".h") and name[4:] not in included:
            findings.append(f"{name}: nobody includes it")
        if name.startswith("src/") and name.endswith("/CMakeLists.txt"):
            room = os.path.dirname(name)[4:]
            if room in order and f"src/{room}/README.md" not in files:
                findings.append(f"src/{room}: a room has a README.md")


# "RFC 5321", "RFC 5321, 6409 and 2033", and the number in a script's name; RFC822 without a blank is IMAP's word.
CITATION = re.compile(r"\bRFC(?: ?\d{4,5}| \d{3})\b(?:(?:, | and )\d{4,5}\b)*")
RFC_IN_NAME = re.compile(r"(?:^|/)rfc(\d{3,5})[^/]*$")
RFC_INDEX = "docs/rfc-index.md"
RFC_STATE = re.compile(r"(done|in part: .|client only: .|read only: .|not yet)")


def rfc_rows(text):
    """(line, number, cells behind it) of each row: title, state, where, shown by."""
    for line_number, line in enumerate(text.splitlines(), 1):
        cells = [cell.strip() for cell in line.split("|")[1:-1]]
        if cells and cells[0].isdigit():
            yield line_number, int(cells[0]), cells[1:]


def check_rfcs(root, files, findings):
    rows = {}
    for number, rfc, cells in rfc_rows(read(root, RFC_INDEX)):
        place = f"{RFC_INDEX}:{number}"
        if rfc in rows:
            findings.append(f"{place}: RFC {rfc} has a row already, in line {rows[rfc]}")
        rows.setdefault(rfc, number)
        if len(cells) != 4 or not RFC_STATE.match(cells[1]):
            findings.append(f"{place}: a row is number, title, state (one of the table's), where, shown by")
            continue
        for path in re.findall(r"`([^`]+)`", cells[2] + cells[3]):
            if not any(os.path.exists(os.path.join(root, below, path)) for below in ("src", "")):
                findings.append(f"{place}: {path} is not there")
    for name in files:
        if not name.startswith("src/"):
            continue
        cited = {int(found.group(1)): 0 for found in [RFC_IN_NAME.search(name)] if found}
        for number, line in enumerate(read(root, name).splitlines(), 1):
            for citation in CITATION.findall(line):
                for rfc in re.findall(r"\d+", citation):
                    cited.setdefault(int(rfc), number)
        for rfc, number in sorted(cited.items()):
            if rfc not in rows:
                findings.append(f"{name}:{number}: RFC {rfc} has no row in {RFC_INDEX}")


def main():
    args = [a for a in sys.argv[1:] if a != "--update"]
    if len(args) != 1:
        print(__doc__)
        return 2
    root = os.path.abspath(args[0])
    files = tracked(root)
    findings = []
    check_floors(root, files, findings)
    check_heavy(root, files, findings)
    check_lengths(root, files, findings, "--update" in sys.argv)
    check_text(root, files, findings)
    check_types(root, files, findings)
    check_dead(root, files, findings)
    check_rfcs(root, files, findings)
    for finding in findings:
        print(finding)
    print(f"tidy: {len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
