#!/usr/bin/env python3
"""summary.py RESULTS.jsonl COMMAND: bench/RESULTS.md: each budget beside the best peer's median of the same run, then all tables of report.py."""
import json
import os
import platform
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
OURS = "ours"
KIB = 1024


def per_message(run):
    """CPU milliseconds a message."""
    count = run.get("accepted") or run.get("ok") or run.get("body_msgs") or run.get("msgs")
    return run["cpu_s"] / count * 1000 if count else None


# What, section, case, figure, "more" or "less" is better, budget as a ratio to the best peer.
BUDGETS = [
    ("SMTP to mailbox, 2 KiB, 1 session, a second", "smtp", f"sess=1,size={2 * KIB},msgs=300", "deliver_msg_s", "more", 5),
    ("SMTP to mailbox, 2 KiB, 10 sessions, a second", "smtp", f"sess=10,size={2 * KIB},msgs=1000", "deliver_msg_s", "more", 10),
    ("SMTP to mailbox, 2 KiB, 100 sessions, a second", "smtp", f"sess=100,size={2 * KIB},msgs=600", "deliver_msg_s", "more", 20),
    ("SMTP to mailbox, 2 KiB, 10 sessions, CPU ms a message", "smtp", f"sess=10,size={2 * KIB},msgs=1000", per_message, "less", 10),
    ("SMTP to mailbox, 64 KiB, 10 sessions, a second", "smtp", f"sess=10,size={64 * KIB},msgs=240", "deliver_msg_s", "more", 5),
    ("SMTP to mailbox, 5 MiB, 10 sessions, a second", "smtp", f"sess=10,size={5 * KIB * KIB},msgs=20", "deliver_msg_s", "more", 3),
    ("LMTP, 2 KiB, 10 sessions, a second", "lmtp", f"sess=10,size={2 * KIB},msgs=600,per_conn=50", "accept_msg_s", "more", 8),
    ("LMTP, 2 KiB, 10 sessions, CPU ms a message", "lmtp", f"sess=10,size={2 * KIB},msgs=600,per_conn=50", per_message, "less", 10),
    ("SMTP relayed, 2 KiB, 1 session, a second", "relay", f"sess=1,size={2 * KIB},msgs=200", "deliver_msg_s", "more", 8),
    ("SMTP relayed, 2 KiB, 10 sessions, a second", "relay", f"sess=10,size={2 * KIB},msgs=600", "deliver_msg_s", "more", 8),
    ("SMTP relayed, 2 KiB, 100 sessions, a second", "relay", f"sess=100,size={2 * KIB},msgs=600", "deliver_msg_s", "more", 8),
    ("SMTP relayed, 64 KiB, 10 sessions, a second", "relay", f"sess=10,size={64 * KIB},msgs=240", "deliver_msg_s", "more", 8),
    ("IMAP APPEND, 10 connections, a second", "imap-append", "conns=10,count=1000", "per_s", "more", 6),
    ("IMAP LOGIN, 10 connections, a second", "imap-login", "conns=10,count=300", "per_s", "more", 8),
    ("TLS handshakes, 10 connections, a second", "tls", "conns=10,count=3000", "per_s", "more", 2),
    ("TLS handshakes, 10 connections, CPU ms each", "tls", "conns=10,count=3000", per_message, "less", 2),
    ("ENVELOPE and BODYSTRUCTURE of 10,000, messages a second", "imap-sync-warm", "msgs=10000", "meta_msg_s", "more", 3),
    ("All bodies of 10,000, MB a second", "imap-sync-warm", "msgs=10000", "body_MBs", "more", 2),
    ("STORE 1:*, messages a second", "imap-store", "msgs=10000", "bulk_msg_s", "more", 5),
    ("Single STOREs a second", "imap-store", "msgs=10000", "single_per_s", "more", 8),
    ("SELECT of 100,000, ms", "select100k", "msgs=100000", "p50_ms", "less", 5),
    ("Idle IMAP session, KiB", "idle", "conns=1000", "pss_kib_per_conn", "less", 32),
    ("Delivery to EXISTS, ms", "idle", "conns=1000", "exists_p50_ms", "less", 4),
    ("POP3 RETR, 2 KiB, messages a second", "pop3", "user=user0102,pipe=1,quickack=1", "msg_s", "more", 3),
    ("POP3 RETR, corpus, MB a second", "pop3", "user=user0101,pipe=1,quickack=1", "MBs", "more", 3),
]


# What, section, case, figure, the most it may be.
ABSOLUTES = [
    ("SELECT of 100,000, warm, ms", "select100k", "msgs=100000", "p50_ms", 0.5),
    ("SELECT of 100,000 after a restart, ms", "restart", "ended in order", "select_ms", 30),
    ("Worst stall of a session beside 10 connections of TLS handshakes, ms", "tls", "conns=10,count=3000", "look_max_ms", 5),
    ("SEARCH TEXT over 10,000 by the index, ms", "imap-search", "msgs=10000", lambda run: run["ms"][0], 10),
    ("SEARCH TEXT over 10,000 that no index answers, ms", "imap-scan", "msgs=10000", lambda run: run["ms"][0], 500),
    ("Idle IMAP session, KiB", "idle", "conns=1000", "pss_kib_per_conn", 16),
    ("Delivery to EXISTS, ms", "idle", "conns=1000", "exists_p50_ms", 1),
    ("CPU of a 2 KiB message by SMTP, 10 sessions, ms", "smtp", f"sess=10,size={2 * KIB},msgs=1000", per_message, 0.15),
    ("CPU of a 2 KiB message by LMTP, 10 sessions, ms", "lmtp", f"sess=10,size={2 * KIB},msgs=600,per_conn=50", per_message, 0.1),
    ("Restart with a million messages, s", "restart", "ended in order", "ready_s", 0.2),
    ("Restart after kill -9 under load, s", "restart", "killed under load", "ready_s", 3),
]


def shown(value):
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def medians(runs, section, case, figure):
    """{peer: (median, lowest, highest, how many)} of the counted runs."""
    values = {}
    for run in runs:
        if run["section"] != section or run["cell"] != case or run["run"] < 1 or run.get("rc"):
            continue
        value = figure(run) if callable(figure) else run.get(figure)
        if value:
            values.setdefault(run["peer"], []).append(value)
    return {peer: (statistics.median(v), min(v), max(v), len(v)) for peer, v in values.items()}


def budget_table(runs):
    yield "| what | best peer | Angarium (lowest-highest, runs) | times better | budget | |"
    yield "|---|---|---|---|---|---|"
    for what, section, case, figure, better, budget in BUDGETS:
        found = medians(runs, section, case, figure)
        ours = found.pop(OURS, None)
        if ours is None:
            continue
        mine = f"{shown(ours[0])} ({shown(ours[1])}-{shown(ours[2])}, {ours[3]})"
        if not found:
            yield f"| {what} | - | {mine} | - | {budget} | |"
            continue
        best = (max if better == "more" else min)(found, key=lambda peer: found[peer][0])
        ratio = ours[0] / found[best][0] if better == "more" else found[best][0] / ours[0]
        verdict = "met" if ratio >= budget else "half" if ratio >= budget / 2 else "**missed**"
        yield f"| {what} | {best} {shown(found[best][0])} | {mine} | {shown(ratio)} | {budget} | {verdict} |"


def absolute_table(runs):
    yield "| what | Angarium (lowest-highest, runs) | budget: at most | |"
    yield "|---|---|---|---|"
    for what, section, case, figure, budget in ABSOLUTES:
        ours = medians(runs, section, case, figure).get(OURS)
        if ours is None:
            continue
        verdict = "met" if ours[0] <= budget else "half" if ours[0] <= 2 * budget else "**missed**"
        yield f"| {what} | {shown(ours[0])} ({shown(ours[1])}-{shown(ours[2])}, {ours[3]}) | {budget} | {verdict} |"


def main():
    path, command = sys.argv[1:3]
    with open(path) as f:
        runs = [json.loads(line) for line in f]
    commit = subprocess.run(["git", "-C", HERE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    foreign = [run["other_cpu_s"] / max(run["wall"], 0.01) for run in runs if run.get("wall") and "other_cpu_s" in run]
    print(f"# Results\n\n`{command}` at {commit}, {time.strftime('%Y-%m-%d')}: {os.cpu_count()} processors, Linux {platform.release()}, the generator on the same ones,")
    print("loopback, durable acknowledgements, default settings. Medians of the counted runs, peers in turn in one run: compare rows within a case only.")
    if foreign:
        print(f"Foreign load while measuring: {statistics.median(foreign):.2f} cores (median), {max(foreign):.2f} at most.")
    print("How the loads and peers are made: [README.md](README.md).\n\n## Budgets\n")
    print("\n".join(budget_table(runs)))
    print("\n## Absolute figures\n")
    print("\n".join(absolute_table(runs)))
    print("\nProfiles and next steps for what is not met: [docs/decisions/0004-speed.md](../docs/decisions/0004-speed.md).\n\n## All tables\n", flush=True)
    subprocess.run([sys.executable, os.path.join(HERE, "report.py"), path], check=True)


if __name__ == "__main__":
    main()
