"""The tables that JMeter's Aggregate and Summary Report save as CSV, in any of its languages.

A cell says `%` where it is in percent, else the error column is a ratio; a rate without `/min`
is per second. The head of a percentile column is made from the percentile itself. Digits are never
grouped, so a comma is a decimal point.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from perflib.formats.base import Reading, Source
from perflib.formats.found import Found, number, with_point
from perflib.formats.tables import header, rows

TOOL = "JMeter"
# what the languages of JMeter's interface call the columns; `|` parts them
_WORDS = {
    "label": "label|sampler_label|etiket|etiqueta|etykieta|libellé|rótulo|라벨|标签|標籤|ラベル",
    "count": "# samples|#samples|samples|aggregate_report_count|anz. der proben|# amostras"
    "|# echantillons|# liczba próbek|# muestras|# örnek|# 样本|取樣數|표본 수",
    "mean": "average|durchschnitt|media|moyenne|média|ortalama|średnia|平均值|평균",
    "p50": "median|aggregate_report_median|mediana|mittel|médiane|中位数|中間值|중간값",
    "min": "min|aggregate_report_min|en az|minimum|mín|mín.|最小值|최소값",
    "max": "max|aggregate_report_max|en çok|maksimum|maximum|máx|máx.|最大值|최대값",
    "stdev": "std. dev.|aggregate_report_stddev|desv. estándar|desvio padrão|ecart type"
    "|odch. std.|标准偏差|표준편차",
    "errors": "error %|error%|aggregate_report_error%|% erreur|% error|% fehler|% błędów|% de erro"
    "|hata %|异常 %|錯誤率|오류 %",
    "rate": "throughput|aggregate_report_rate|durchsatz|débit|przepustowość|rendimiento"
    "|transfer oranı|vazão|吞吐量|處理量|처리량",
    "received": "received kb/sec|kb/sec|kb/s|kb/sek|kb/sn|ko/sec reçus|aggregate_report_bandwidth"
    "|接收 kb/sec|每秒仟位元組|수신 kb/초",
    "sent": "sent kb/sec|ko/sec émis|wysłano kb/sek|发送 kb/sec|전송 kb/초",
}
_MEANING = {word: name for name, words in _WORDS.items() for word in words.split("|")}
_NEEDED = {"label", "count", "mean", "min", "max", "errors", "rate"}
_QUANTILE = re.compile(r"(?:aggregate_report_)?(\d+(?:\.\d+)?)\s*%.*")
_TOTALS = {
    "total",
    "all",
    "gesamt",
    "toplam",
    "总体",
    "總計",
    "합계",
    "총계",
    "合計",
    "ogółem",
    "razem",
}
_PER = {"": 1.0, "/sec": 1.0, "/min": 60.0, "/hour": 3600.0}


def _meanings(columns: list[str]) -> dict[str, str]:
    """Our word for each column that has one; Turkish says mean and median with one word."""
    found: dict[str, str] = {}
    for column in columns:
        name = _MEANING.get(column.lower(), "")
        if not name and (match := _QUANTILE.fullmatch(column.lower())):
            name = f"p{float(match[1]):g}"
        if name and name not in found.values():
            found[column] = name
    return found


def recognise(source: Source) -> bool:
    """The columns of either report."""
    columns, _ = header(source)
    return set(_meanings(columns).values()) >= _NEEDED


def read(source: Source) -> Iterator[Reading]:
    """One run, a label a sampler."""
    meanings, found = _meanings(header(source)[0]), Found()
    for line, row in rows(source):
        values = {ours: with_point(row[theirs]) for theirs, ours in meanings.items()}
        values["label"] = next(row[theirs] for theirs, ours in meanings.items() if ours == "label")
        if number(values.get("count")) is None:
            source.skip(line, "no number of samples")
            continue
        _add(found, values, {ours: theirs for theirs, ours in meanings.items()})
    yield Reading(tool=TOOL, indicators=found.indicators)


def _add(found: Found, values: dict[str, str], names: dict[str, str]) -> None:
    label = values.pop("label").strip()
    n = number(values.pop("count"))
    more: dict[str, Any] = {"label": "" if label.lower() in _TOTALS else label, "n": n}
    found.add("requests", "value", n, "req", source_name=names["count"], **more)
    for name, text in values.items():
        more["source_name"] = names[name]
        if name == "errors":
            share, unit = number(text.rstrip("% ")), "%" if "%" in text else "1"
            if share is not None and (unit == "%" or share <= 1):
                found.add("error_rate", "value", share, unit, **more)
        elif name == "rate":
            value, _, per = text.partition("/")
            rate, over = number(value), _PER.get(f"/{per}" if per else "")
            if rate is not None and over:
                found.add("throughput", "value", rate / over, "req/s", **more)
        elif name in ("received", "sent"):
            metric = "data_rate" if name == "received" else "sent_rate"
            found.add(metric, "value", text, "KiB/s", **more)
        elif n:
            # an average of whole milliseconds, cut to one
            step = 1.0 if name == "mean" and text.isdecimal() else 0.0
            found.add("service_time", name, text, "ms", resolution=step, **more)
