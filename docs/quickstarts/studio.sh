# A working day in a photo studio: a ranking is trained from two folders, and photos are ranked and delivered.
# Run it in an empty folder, with sightline on the PATH. Drawn runners stand for your photos, and are cut at the hips
# already (--prepared), so that training needs no pose models. Without network use: --no-pretrained.

# Your best and your worst photos, and the photos of today, of which one is there in a smaller size too.
python - <<'PY'
from pathlib import Path
from PIL import Image
from sightline.training.ranking import write_runners

write_runners(Path("drawn"), 60, evaluate=1, people=1, prepared=True)
write_runners(Path("today"), 2, evaluate=1, people=2, seed=7)
for label in ("good", "bad"):
    Path(f"drawn/train/lower_body/{label}").rename(label)
Path("photos/web").mkdir(parents=True)
for file in sorted(Path("today").rglob("*train*.jpg")):
    file.rename(Path("photos") / file.name)
first = sorted(Path("photos").glob("*good*.jpg"))[0]
Image.open(first).resize((300, 200)).save(Path("photos/web") / f"{first.stem}.png")
PY

# A fifth of the photos is held out; copies of a photo stay on one side.
sightline train-ranking good bad --prepared --no-pretrained --image-size 64 --epochs 30 --lr 0.01 --json >trained.json
python -c 'import json; r = json.load(open("trained.json")); assert r["promoted"], r["why"]'

# Photos that say nothing about style give a model that may guess. It is not used, and the first line says why.
mkdir -p left right
number=0
for photo in good/* bad/*; do
    number=$((number + 1))
    [ $((number % 2)) = 0 ] && cp "$photo" left/ || cp "$photo" right/
done
sightline train-ranking left right --prepared --no-pretrained --image-size 64 >mixed.txt
head -1 mixed.txt
head -1 mixed.txt | grep -q "Not promoted, its accuracy\|Not promoted, it recognises none"

# Today's photos, and copies of the best two. Open ranking.html; photos.csv has one row per photo, results.csv one per person.
sightline rank-images --copy-best 2 photos --copy-to delivery --json >ranked.json
ls delivery
python - <<'PY'
import json

ranked = json.load(open("ranked.json"))
assert (ranked["images"], ranked["photos_ranked"], ranked["different_photos"]) == (5, 5, 4), ranked
assert len(ranked["copied"]) == 2 and ranked["page"] and ranked["photos"] and ranked["csv"], ranked
PY
