# A working day on a ward: a pressure mat, a patient who must be turned, and the week's report.
# Run it in an empty folder, with sightline on the PATH: bash -euo pipefail ward.sh

mkdir -p data/results/beds/bed-7/frames

echo "1. The mat writes a log, a row a minute. Here it is generated: two and a half hours on the left side."
python - <<'PYTHON'
from datetime import UTC, datetime, timedelta

from sightline.training.images.synthetic import pressure_map

now = datetime.now(UTC)
with open("data/results/beds/bed-7/frames/log.csv", "w") as log:
    for minute in range(150, 0, -1):
        values = (pressure_map("left", 0, minute, seed=1)[::2, ::2] * 4095).round().astype(int).ravel()
        time = (now - timedelta(minutes=minute)).isoformat(timespec="seconds")
        log.write(",".join([time, *map(str, values)]) + "\n")
PYTHON
touch -d "5 minutes ago" data/results/beds/bed-7/frames/log.csv

echo "2. The bed's file says who lies there, and what the values mean. Without the range, nothing is guessed."
cat > data/results/beds/bed-7/bed.toml <<'TOML'
patient = "ana"
time_zone = "Europe/Berlin"
silent_after_minutes = 120

[mat]
rows = 65
columns = 29
head = "first row"
left = "first column"
empty_below = 20
TOML
if sightline watch-posture bed-7 2> refused.txt; then echo "a mat without a range was accepted"; exit 1; fi
grep -q "range = \[0, 4095\]" refused.txt
echo "range = [0, 4095]" >> data/results/beds/bed-7/bed.toml

echo "3. A pass reads what is new, and sends one alert: the patient was not turned for two hours."
sightline watch-posture --json > first.json
sightline watch-posture --json > second.json
python - <<'PYTHON'
import json

first, second = (json.load(open(f"{name}.json")) for name in ("first", "second"))
assert (first["frames"], first["alerts"]) == (150, 1), first
assert (second["frames"], second["alerts"]) == (0, 0), second
PYTHON
grep -q "Not turned for 2 h" data/results/beds/bed-7/index.html

echo "4. The report of the week."
sightline report-posture bed-7 --week "$(TZ=Europe/Berlin date +%G-W%V)"
ls data/results/beds/bed-7/patients/ana/reports/*.html
