"""The script that ends a command in a guest, with all that came of it: plain sh, which every guest has."""

from __future__ import annotations

from typing import Final

SCRIPT: Final = r"""
# $1 is a process, the leader of its group. What it started may have left the group, so children count too.
table() {
    if command -v ps >/dev/null 2>&1; then
        ps -e -o pid= -o ppid=
    else
        for file in /proc/[0-9]*/stat; do
            read -r line 2>/dev/null <"$file" || continue
            number=${file#/proc/}
            set -- ${line##*)}
            echo "${number%/stat} $2"
        done
    fi
}
below() {
    table | awk -v top="$1" -v me="$$" '
        { above[$1] = $2 }
        END {
            for (each in above) {
                at = each
                for (steps = 0; at > 1 && steps < 64; steps++) {
                    if (at == me) break
                    if (at == top) { print each; break }
                    at = above[at]
                }
            }
        }'
}
all=$(below "$1")
kill -s TERM -- "-$1" $all 2>/dev/null
left=50
while [ "$left" -gt 0 ]; do
    alive=
    for each in $1 $all; do kill -s 0 "$each" 2>/dev/null && alive="$alive $each"; done
    [ -z "$alive" ] && exit 0
    sleep 0.1 2>/dev/null || sleep 1
    left=$((left - 1))
done
kill -s KILL -- "-$1" $alive 2>/dev/null
exit 0
"""
"""Read by `sh -s PID`: SIGTERM, then SIGKILL to what is still there after five seconds."""
