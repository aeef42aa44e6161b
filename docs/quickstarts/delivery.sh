# A working day of a delivery service: a model with a class of its own is trained, used, reviewed, served and monitored.
# Run it in an empty folder, with sightline on the PATH. Drawn patterns stand for photos of vehicles.
# Without network use: --no-pretrained.
python - <<'PY'
from pathlib import Path

import numpy as np
from PIL import Image

rng = np.random.default_rng(0)
periods = {"bicycle": (0, 8), "motorcycle": (8, 0), "scooter": (8, 8)}


def draw(name: str, noise: float) -> Image.Image:
    rows, columns = np.mgrid[:32, :32] + rng.uniform(0, 8, (2, 1, 1))
    across, down = periods[name]
    waves = np.sin(2 * np.pi * (columns / across if across else 0 * columns)) + np.sin(2 * np.pi * (rows / down if down else 0 * rows))
    pixels = 128 + 50 * waves[..., None] + rng.normal(0, noise, (32, 32, 3)) + rng.uniform(-20, 20, 3)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


for name in periods:
    for folder, count, noise in (("photos", 100, 15), ("today", 6, 15)):
        Path(folder, name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            draw(name, noise).save(Path(folder, name, f"IMG_{number:04d}.png"))
Path("labels.csv").write_text(
    "image,label\n" + "".join(f"{file},{file.parent.name}\n" for file in sorted(Path("photos").rglob("*.png")))
)
PY

# A CSV of labels. One folder per class works as well: ... fleet photos --classes bicycle,motorcycle,scooter
sightline train-image-classifier fleet labels.csv --classes bicycle,motorcycle,scooter --preset cifar --no-pretrained --json >trained.json
python -c 'import json; r = json.load(open("trained.json")); assert r["classes"] == ["bicycle", "motorcycle", "scooter"] and r["promoted"], r'

# What does a threshold accept, and how much of that is right?
sightline explain-threshold fleet --precision 0.8

# Today's photos: results.csv opens in a spreadsheet. With a high threshold some are uncertain, and a person answers.
sightline classify-images today --model fleet --threshold 1 --json >run.json
python - <<'PY'
import csv
import json

run = json.load(open("run.json"))
rows = list(csv.DictReader(open(run["csv"], encoding="utf-8-sig", newline="")))
assert len(rows) == 18 and run["low_confidence"] and run["answer"], run
with open("answers.json", "w") as file:
    uncertain = [row["uri"] for row in rows if row["outcome"] == "low_confidence"]
    json.dump({"reviewer": "kim", "answers": {uri: uri.split("/")[-2] for uri in uncertain}}, file)
print(f"{len(uncertain)} uncertain images, listed in {run['review']}; answer them: {run['answer']}")
PY
sightline review-predictions "$(python -c 'import json; print(json.load(open("run.json"))["results"])')" --answers answers.json
sightline explain-threshold fleet | grep "answered by people"

# Alerts by email: four lines, and a test message. Here a mail server that prints stands for yours.
python -u -m aiosmtpd -n -l 127.0.0.1:28025 -c aiosmtpd.handlers.Debugging stdout >mail.txt &
trap 'kill %1' EXIT
cat >.env <<'ENV'
SMTP_SERVER=127.0.0.1
SMTP_PORT=28025
SMTP_TYPE=INSECURE
ALERT_EMAIL_FROM=alerts@example.org
ALERT_EMAIL_TO=["ops@example.org"]
ENV
sightline test-alert
grep -q "Test: alerts of sightline arrive here" mail.txt

# The service serves every model of the registry. A request with a typing error gets no answer from another model.
PORT=28080 python -m api >api.txt 2>&1 &
trap 'kill %1 %2' EXIT
image=$(base64 -w0 today/scooter/IMG_0000.png)
ask() { curl --silent --noproxy '*' http://127.0.0.1:28080/classify --json "$1"; }
until ask "{\"images\": [\"$image\"], \"model\": \"fleet\"}" | grep '"model":"fleet/'; do sleep 2; done
ask "{\"images\": [\"$image\"], \"model\": \"nonsense\"}" | grep "is not served"
ask "{\"images\": [\"$image\"], \"modle\": \"fleet\"}" | grep "Did you mean model"
