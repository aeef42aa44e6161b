# A working day in a clinic: videos of a patient are processed, one is corrected and one is processed again.
# Run it in an empty folder, with sightline on the PATH. `python -m demo.clip` stands for your camera.

# Three visits. Two have a subtitle file beside them, and one has no sound: its words are those of the file.
mkdir -p data/videos/ana
python -m demo.clip data/videos/ana/VID_20260308_101500.mp4 --seconds 3
python -m demo.clip data/videos/ana/VID_20260301_090000.mp4 --seconds 2
python -m demo.clip data/videos/ana/notes.mp4 --seconds 1
printf '1\n00:00:00,100 --> 00:00:02,000\nI am happy today.\n' >data/videos/ana/VID_20260308_101500.srt
printf 'WEBVTT\n\n00:00.100 --> 00:01.500\nI am sad.\n' >data/videos/ana/VID_20260301_090000.vtt

# The whole folder. A second run continues, and here there is nothing left to do.
sightline process-video data/videos/ana --transcriber pocketsphinx
sightline process-video data/videos/ana --transcriber pocketsphinx --json >again.json
python -c 'import json; r = json.load(open("again.json")); assert (r["skipped"], r["emotions"]) == (3, {"happy": 1, "neutral": 1, "sad": 1}), r'

# She was angry, as a nurse knows, and calm again at the end. Who said so is kept; the training uses it.
sightline correct-session ana/VID_20260308_101500 --emotion angry --by Kim --note "before her walk"
sightline correct-session ana/VID_20260308_101500 --emotion neutral --from 2 --by Kim --json >corrected.json
python -c 'import json; r = json.load(open("corrected.json")); assert r["emotion"] == "angry" and r["corrections"] == 2, r'
test -e data/patients/ana/anger/.sessions/VID_20260308_101500_session.json

# A better transcript, and the date, which neither the file nor its name states. Without --replace, nothing is changed.
printf 'WEBVTT\n\n00:00.000 --> 00:01.000\nI am surprised!\n' >words.vtt
sightline process-video data/videos/ana/notes.mp4 --transcript words.vtt 2>&1 | grep -- "--replace"
sightline process-video data/videos/ana/notes.mp4 --transcript words.vtt --recorded 2026-03-05 --replace

# The history, in the order of the recordings. `make api` shows it at http://localhost:8000/patients/ana.
python -c '
from sightline.sessions import read_sessions
from sightline.storage import locate
history = [(f"{record.when:%Y-%m-%d}", record.emotion) for record in read_sessions(locate("data/patients"), "ana")]
print(history)
assert history == [("2026-03-01", "sad"), ("2026-03-05", "surprised"), ("2026-03-08", "angry")]'

# Training lists what is missing: ten sessions, of two emotions at least.
sightline train-emotion ana
