"""Renders parcel labels as a telephone's camera would see them, reads them with RapidOCR, and prints one JSON a label.

argv: seed, count. Each line: {"recipient": "13800001111", "sender": "...", "masked": bool, "lines": [[text, score], ...]}.
Every label is legible to a person: letters are 18 to 32 pixels high, tilted by up to 6 degrees, blurred, noisy, unevenly lit.
"""

import json
import random
import sys

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rapidocr_onnxruntime import RapidOCR

FONTS = ["/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"]
SURNAMES = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平"
ROADS = ["人民路", "解放大道", "文三路", "滨江大道", "和平街", "建设三路", "学院路", "幸福里"]
ESTATES = ["幸福花园", "阳光花苑", "翡翠城", "东湖小区", "金色家园", "学府苑", "春江花月"]
CITIES = ["上海市浦东新区", "杭州市西湖区", "成都市武侯区", "广州市天河区", "北京市朝阳区", "武汉市洪山区"]
MOBILE = ["130", "131", "133", "135", "136", "137", "138", "139", "150", "151", "156", "158", "159", "170", "176", "177",
          "180", "183", "186", "187", "188", "189", "191", "198", "199"]


def mobile(r):
    return r.choice(MOBILE) + "".join(r.choice("0123456789") for _ in range(8))


def written(r, number):
    return r.choice([
        number, number, number, f"{number[:3]} {number[3:7]} {number[7:]}", f"{number[:3]}-{number[3:7]}-{number[7:]}",
        f"+86 {number}", f"86-{number}",
    ])


def person(r):
    return r.choice(SURNAMES) + "".join(r.choice(GIVEN) for _ in range(r.choice([1, 2])))


def place(r):
    return (f"{r.choice(CITIES)}{r.choice(ROADS)}{r.randint(1, 999)}号{r.choice(ESTATES)}"
            f"{r.randint(1, 40)}{r.choice(['栋', '幢', '号楼'])}{r.randint(1, 4)}单元{r.randint(1, 30)}0{r.randint(1, 6)}室")


def label(r):
    recipient, sender = mobile(r), mobile(r)
    extension = str(r.randint(100, 9999)) if r.random() < 0.15 else ""
    shown = written(r, recipient) + (r.choice(["转", "-", " 转 "]) + extension if extension else "")
    if "-" in shown and extension and "转" not in shown:
        shown = recipient + "转" + extension
    waybill = r.choice(["SF", "YT", "JD", "ZTO", ""]) + "".join(r.choice("0123456789") for _ in range(r.choice([12, 13, 15])))
    style = r.randrange(4)
    if style == 0:
        lines = [f"运单号 {waybill}", f"收 {person(r)} {shown}", place(r), f"寄 {person(r)} {sender}", place(r)]
    elif style == 1:
        lines = [waybill, f"收件人：{person(r)}", f"电话：{shown}", f"地址：{place(r)}", f"2026-{r.randint(1, 12):02}-{r.randint(1, 28):02} {r.randint(0, 23):02}:{r.randint(0, 59):02}"]
    elif style == 2:
        lines = [f"{person(r)}  {shown}", place(r), f"重量 {r.randint(1, 20)}.{r.randint(0, 9)}kg  件数 1/1", f"客服热线 {r.choice(['95338', '95311', '400-820-8820'])}"]
    else:
        lines = [f"寄件人 {person(r)} {sender[:3]}****{sender[7:]}", f"收件人 {person(r)} {shown}", place(r), f"订单 {waybill}"]
    return recipient, sender, extension, lines


def picture(r, lines):
    size = r.randint(18, 32)
    font = ImageFont.truetype(r.choice(FONTS), size)
    width = max(int(font.getlength(text)) for text in lines) + 80
    height = (size + 14) * len(lines) + 80
    paper = r.randint(215, 255)
    image = Image.new("L", (width, height), paper)
    draw = ImageDraw.Draw(image)
    for at, text in enumerate(lines):
        draw.text((40, 40 + at * (size + 14)), text, font=font, fill=r.randint(0, 70))
    a = np.asarray(image).astype(np.float32)
    # uneven light
    across = np.linspace(r.uniform(0.75, 1.0), r.uniform(0.75, 1.0), width)[None, :]
    a = a * across
    tilt = cv2.getRotationMatrix2D((width / 2, height / 2), r.uniform(-6, 6), r.uniform(0.9, 1.05))
    a = cv2.warpAffine(a, tilt, (width, height), borderValue=float(paper) * 0.8)
    if r.random() < 0.7:
        a = cv2.GaussianBlur(a, (0, 0), r.uniform(0.5, 2.0))
    if r.random() < 0.3:
        kernel = np.zeros((5, 5), np.float32)
        kernel[2, :] = 1 / 5
        a = cv2.filter2D(a, -1, kernel)
    noise = np.random.default_rng(r.randrange(2**31))
    a = a + noise.normal(0, r.uniform(2, 22), a.shape)
    a = np.clip(a, 0, 255).astype(np.uint8)
    quality = [int(cv2.IMWRITE_JPEG_QUALITY), r.randint(25, 90)]
    a = cv2.imdecode(cv2.imencode(".jpg", a, quality)[1], cv2.IMREAD_GRAYSCALE)
    return cv2.cvtColor(a, cv2.COLOR_GRAY2BGR)


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    r = random.Random(seed)
    ocr = RapidOCR()
    for _ in range(count):
        recipient, sender, extension, lines = label(r)
        found, _ = ocr(picture(r, lines))
        read = [[text, float(score)] for _, text, score in (found or [])]
        truth = {"recipient": recipient, "sender": sender, "extension": extension, "printed": lines, "lines": read}
        print(json.dumps(truth, ensure_ascii=False), flush=True)


main()
