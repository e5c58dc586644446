#!/usr/bin/env python3
"""Computes every number of golden's verdicts again from golden's rows and the claims' files, with
NumPy and SciPy and no line of the harness, and compares them to 1e-9.

Usage: recompute.py GOLDEN CLAIMS [--print]
Exit code: 0 all agree; 1 something differs; 3 something is missing.
"""
import json
import math
import pathlib
import re
import sys
import tomllib

import numpy as np
from scipy import stats

ALPHA = 0.05
PROFILES = {"recall": ("paper", 10), "encoder": ("quick", 8)}


# Rows.


def read_rows(golden, task, study):
    profile, seeds = PROFILES[study]
    rows = {}
    for path in sorted((golden / task / profile).glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            if row["seed"] < seeds:
                rows.setdefault(row["arm"], {})[row["seed"]] = row
    return rows


class Missing(Exception):
    pass


def loss_at(row, step):
    stride = row["curve_stride"]
    curve = row["loss_curve"][(step - 100) // stride:step // stride]
    if len(curve) != 100 // stride:
        raise Missing(f"loss at {step}")
    return float(np.mean(curve))


def named(row, name, step):
    if name == "final_loss":
        return row["final_loss"] if step is None else loss_at(row, step)
    if step is None:
        if name not in row["metrics"]:
            raise Missing(name)
        return row["metrics"][name]
    values = row.get("epochs", {}).get(name)
    if not values:
        raise Missing(f"{name} at step {step}")
    return values[step * len(values) // row["steps"] - 1]


def channels(row, name):
    matrix = name.rpartition(".")[0]
    values = row["spectra"].get(matrix, []) if matrix else row["singular_values"]
    if not values:
        raise Missing(f"spectrum {matrix}")
    return len(values)


def slice_number(row, what, name, radius):
    if name not in row["slices"]:
        raise Missing(f"slice {name}")
    alpha = np.array(row["slices"][name]["alpha"])
    loss = np.array(row["slices"][name]["loss"])
    near = loss[np.abs(alpha) <= radius + 1e-9]
    if what == "range":
        return near.max() - near.min()
    level = loss[np.abs(alpha) <= 1e-9][0]
    return level if what == "level" else near.max() - level


def quantity(words, row, step):
    word = words.pop(0)
    if word == "loss" and words[:1] == ["at"]:
        return loss_at(row, int(words[1])), words[2:], word
    if word in ("range", "rise", "level") and words[:2] == ["of", "slice"]:
        name, rest = words[2], words[3:]
        radius = math.inf
        if rest[:1] == ["within"]:
            radius, rest = float(rest[1]), rest[2:]
        return slice_number(row, word, name, radius), rest, word
    return named(row, word, step), words, word


def ratio(words, row, step):
    value, words, name = quantity(words, row, step)
    if words[:1] == ["/"]:
        if words[1] == "C":
            return value / channels(row, name), words[2:]
        other, words, _ = quantity(words[1:], row, step)
        value /= other
    return value, words


def metric_value(text, row, layer, step):
    words = text.replace("{layer}", str(layer)).split()
    scale = None
    if words[0] == "log10" or re.fullmatch(r"-?[0-9.]+", words[0]):
        scale = words.pop(0)
    value, words = ratio(words, row, step)
    if words[:1] == ["-"]:
        other, words = ratio(words[1:], row, step)
        value -= other
    assert not words, text
    if scale == "log10":
        return math.log10(value)
    return value * float(scale) if scale else value


# Statistics.


def sign_flip_p(d):
    """One-sided, of all patterns: the share whose sum is at least the one observed."""
    d = np.asarray(d)
    patterns = 1 - 2 * ((np.arange(2 ** len(d))[:, None] >> np.arange(len(d))) & 1)
    return float(np.mean(patterns @ d >= d.sum() - 1e-12 * np.abs(d).sum()))


def compare(d, relation, margin):
    d = np.asarray(d, float)
    n = len(d)
    wins, ties = int((d > 0).sum()), int((d == 0).sum())
    half = stats.t.ppf(0.975, n - 1) * d.std(ddof=1) / math.sqrt(n)
    degrees = n - 1
    hedges = math.exp(math.lgamma(degrees / 2) - math.lgamma((degrees - 1) / 2)) / math.sqrt(
        degrees / 2)
    within = max(sign_flip_p(d + margin), sign_flip_p(margin - d))
    beyond = min(sign_flip_p(d - margin), sign_flip_p(-d - margin))
    claimed, opposite = {
        "larger": (sign_flip_p(d), sign_flip_p(-d)),
        "equivalent": (within, beyond),
        "not_less": (sign_flip_p(d + margin), sign_flip_p(-d - margin)),
    }[relation]
    return {
        "effect": d.mean(),
        "interval": [d.mean() - half, d.mean() + half],
        "standardized": hedges * d.mean() / d.std(ddof=1),
        "superiority": (wins + ties / 2) / n,
        "superiority_interval": [
            0.0 if wins == 0 else stats.beta.ppf(0.025, wins, n - wins + 1),
            1.0 if wins + ties == n else stats.beta.ppf(0.975, wins + ties + 1, n - wins - ties)],
        "p_claimed": claimed,
        "p_opposite": opposite,
        "p_negligible": within,
    }


def holm(p):
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate([(len(p) - i) * p[k] for i, k in enumerate(order)])
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1, steps)
    return list(adjusted)


# Claims.


def as_list(value):
    return value if isinstance(value, list) else [value]


def sites(part, arms, layers):
    return [(arm, layer) for arm in as_list(part[arms]) for layer in as_list(part.get(layers))]


RELATIONS = ("larger", "equivalent", "not_less")


class Judge:
    """One claim under one definition."""

    def __init__(self, claim, definition, rows, seeds):
        self.claim, self.definition, self.rows, self.seeds = claim, definition, rows, seeds
        self.margin = claim["margin"][definition["margin"]]["size"]
        self.parts = []
        for part in claim["part"]:
            relation = next(r for r in RELATIONS if r in part)
            self.parts.append((relation, sites(part, relation, "layer"),
                               sites(part, "than", "than_layer")))
        self.terms = sum(len(a) * len(b) for _, a, b in self.parts)

    def values(self, site, swap, step):
        arm = swap.get(site[0], site[0])
        return np.array([
            metric_value(self.definition["metric"], self.rows[arm][seed], site[1], step)
            for seed in self.seeds])

    def differences(self, part, swap, step):
        _, a, b = part
        high = [self.values(site, swap, step) for site in a]
        low = [self.values(site, swap, step) for site in b]
        whole = np.min(high, axis=0) - np.max(low, axis=0)
        return whole, [x - y for x in high for y in low]

    def reading(self, part, swap, step):
        whole, terms = self.differences(part, swap, step)
        beside = self.definition.get("beside")
        if beside:
            arms = {arm: beside for side in part[1:] for arm, _ in side}
            other, other_terms = self.differences(part, arms, step)
            whole = whole - other
            terms = [x - y for x, y in zip(terms, other_terms)]
        whole = compare(whole, part[0], self.margin)
        return whole, [compare(d, part[0], self.margin) for d in terms]

    def gather(self, step=None):
        """For each part its reading and those with each control."""
        gathered = []
        for part in self.parts:
            arms = {arm for side in part[1:] for arm, _ in side}
            readings = [(None, self.reading(part, {}, step))]
            for control in self.claim.get("control", []):
                if control["arm"] in arms:
                    swap = {control["arm"]: control["stand_in"]}
                    name = f"{control['stand_in']} for {control['arm']}"
                    readings.append((name, self.reading(part, swap, step)))
            gathered.append((part[0], readings))
        return gathered

    def ps(self, gathered):
        claimed, opposite, negligible = 0.0, 1.0, 1.0
        for relation, readings in gathered:
            claimed = max([claimed] + [r[0]["p_claimed"] for _, r in readings])
            opposite = min(opposite, self.terms * max(
                min(t["p_opposite"] for t in r[1]) for _, r in readings))
            if relation == "larger":
                own = readings[0][1]
                negligible = min(negligible, self.terms * min(t["p_negligible"] for t in own[1]))
        return {"claimed": claimed, "opposite": min(1, opposite), "negligible": min(1, negligible)}

    def finding(self, relation, reading, family, at):
        def adjusted(question, p):
            ps = [f[question] for f in family]
            ps[at] = min(1, p)
            return holm(ps)[at]

        whole, terms = reading
        margin = self.margin

        def is_opposite(t):
            low, high = t["interval"]
            if relation == "larger":
                return high < 0 and t["effect"] <= -margin and t["superiority_interval"][1] < 0.5
            if relation == "equivalent":
                return low > margin or high < -margin
            return high < -margin

        against = min([adjusted("opposite", self.terms * t["p_opposite"])
                       for t in terms if is_opposite(t)], default=1)
        if against <= ALPHA:
            return "opposite", against
        claimed = adjusted("claimed", whole["p_claimed"])
        low = whole["interval"][0]
        holds = {
            "larger": low > 0 and whole["effect"] >= margin
                      and whole["superiority_interval"][0] > 0.5,
            "equivalent": True,
            "not_less": low > -margin,
        }[relation]
        if claimed <= ALPHA and holds:
            return "holds", claimed
        if relation == "larger":
            small = min(adjusted("negligible", self.terms * t["p_negligible"]) for t in terms)
            if small <= ALPHA:
                return "too small", small
        return "open", claimed

    def decide(self, gathered, family, at):
        family = list(family)
        family[at] = self.ps(gathered)
        parts = []
        for relation, readings in gathered:
            finding, p = self.finding(relation, readings[0][1], family, at)
            effects = []
            for _, reading in readings[1:]:
                other, _ = self.finding(relation, reading, family, at)
                effects.append("keeps" if other == finding else
                               "open" if other == "open" else "flips")
            parts.append((finding, p, effects))
        found = [part[0] for part in parts]
        if "opposite" in found:
            outcome, question = "CONTRADICTED", "opposite"
            counted = [p[2] for p in parts if p[0] == "opposite"]
            stands = any(all(e == "keeps" for e in effects) for effects in counted)
        elif all(f == "holds" for f in found):
            outcome, question = "SUPPORTED", "claimed"
            counted = [p[2] for p in parts]
            stands = all(e == "keeps" for effects in counted for e in effects)
        else:
            outcome = "NEGLIGIBLE" if "too small" in found else "INCONCLUSIVE"
            question = "negligible" if "too small" in found else "claimed"
            counted, stands = [], True
        word = outcome
        if not stands:
            flips = any(e == "flips" for effects in counted for e in effects)
            word = "FRAGILE" if flips else "INCONCLUSIVE"
        ps = [f[question] for f in family]
        return {"as_defined": outcome, "outcome": word, "p": ps[at], "p_holm": holm(ps)[at],
                "parts": parts}

    def steps(self):
        wanted = self.claim.get("landmarks", [])
        if not self.definition.get("landmarks", True):
            return []
        if wanted != "epochs":
            return wanted
        row = next(iter(self.rows.values()))[0]
        count = len(next(iter(row["epochs"].values())))
        return [row["steps"] * (e + 1) // count for e in range(count)]

    def turns(self, step, at_end, decision, gathered):
        total = next(iter(self.rows.values()))[0]["steps"]
        if 2 * step <= total:
            return False
        holds, opposite = True, False
        for (relation, readings), part in zip(gathered, decision["parts"]):
            whole, terms = readings[0][1]
            effect, lowest = whole["effect"], min(t["effect"] for t in terms + [whole])
            m = self.margin
            holds &= {"larger": effect >= m, "equivalent": abs(effect) <= m,
                      "not_less": effect >= -m}[relation]
            against = abs(lowest) > m if relation == "equivalent" else lowest <= -m
            opposite |= part[0] == "opposite" and against
        return {"SUPPORTED": not holds, "CONTRADICTED": not opposite}.get(
            decision["as_defined"], False)


def judge_family(claims, rows, seeds):
    """Verdicts of a family, by claim and definition."""
    judges = [[Judge(c, d, rows, seeds) for d in c["definitions"]] for c in claims]
    published = [own[0].gather() for own in judges]
    family = [own[0].ps(g) for own, g in zip(judges, published)]
    verdicts = {}
    for at, own in enumerate(judges):
        decided = []
        for judge in own:
            gathered = judge.gather()
            decision = judge.decide(gathered, family, at)
            landmarks = []
            for step in judge.steps():
                there = judge.gather(step)
                landmarks.append({
                    "step": step, "outcome": judge.decide(there, family, at)["outcome"],
                    "turns": judge.turns(step, gathered, decision, there), "gathered": there})
            if any(mark["turns"] for mark in landmarks):
                decision["outcome"] = "FRAGILE"
            decision.update(gathered=gathered, landmarks=landmarks, family=len(claims))
            decided.append(decision)
        reverse = {"SUPPORTED": "CONTRADICTED", "CONTRADICTED": "SUPPORTED"}
        if any(d["as_defined"] == reverse.get(decided[0]["as_defined"]) for d in decided):
            decided[0]["outcome"] = "FRAGILE"
        for judge, decision in zip(own, decided):
            verdicts[judge.claim["id"], judge.definition["name"]] = decision
    return verdicts


# Comparison.


class Comparison:
    def __init__(self):
        self.numbers, self.faults = 0, []

    def number(self, where, stored, now):
        self.numbers += 1
        if stored is None or not abs(stored - now) <= 1e-9 * max(1.0, abs(now)):
            self.faults.append(f"{where}: golden has {stored}, recomputed {now}")

    def text(self, where, stored, now):
        if stored != now:
            self.faults.append(f"{where}: golden has {stored}, recomputed {now}")

    def numbers_of(self, where, stored, now):
        for name, value in now.items():
            if isinstance(value, list):
                for end, s, x in zip("low high".split(), stored[name], value):
                    self.number(f"{where} {name} {end}", s, x)
            else:
                self.number(f"{where} {name}", stored[name], value)

    def reading(self, where, stored, reading):
        whole, terms = reading
        self.numbers_of(where, stored, whole)
        if len(terms) == 1:
            return self.text(f"{where} terms", stored["terms"], [])
        self.text(f"{where} terms", len(stored["terms"]), len(terms))
        for i, (s, t) in enumerate(zip(stored["terms"], terms)):
            self.numbers_of(f"{where} term {i}", s, t)

    def verdict(self, stored, now):
        where = f"{stored['id']} [{stored['definition']}]"
        for name in ("outcome", "as_defined", "family"):
            self.text(f"{where} {name}", stored[name], now[name])
        for name in ("p", "p_holm"):
            self.number(f"{where} {name}", stored[name], now[name])
        self.text(f"{where} parts", len(stored["parts"]), len(now["parts"]))
        for i, (s, (_, readings), part) in enumerate(
                zip(stored["parts"], now["gathered"], now["parts"])):
            here = f"{where} part {i}"
            self.text(f"{here} finding", s["finding"], part[0])
            self.number(f"{here} p_holm", s["p_holm"], part[1])
            self.reading(here, s["numbers"], readings[0][1])
            self.text(f"{here} controls", [c["name"] for c in s["controls"]],
                      [name for name, _ in readings[1:]])
            for c, (name, reading), effect in zip(s["controls"], readings[1:], part[2]):
                self.text(f"{here} {name}", c["effect"], effect)
                self.reading(f"{here} {name}", c["numbers"], reading)
        self.text(f"{where} landmarks", len(stored["landmarks"]), len(now["landmarks"]))
        for s, mark in zip(stored["landmarks"], now["landmarks"]):
            here = f"{where} step {mark['step']}"
            for name in ("step", "outcome", "turns"):
                self.text(f"{here} {name}", s[name], mark[name])
            for p, (_, readings) in zip(s["parts"], mark["gathered"]):
                whole = readings[0][1][0]
                self.number(f"{here} effect", p["effect"], whole["effect"])
                for s_end, end in zip(p["interval"], whole["interval"]):
                    self.number(f"{here} interval", s_end, end)


def find_share(seeds, level, wins, margin, difference, studies=4000):
    """The share of normal studies that find a difference by the rules of `larger`."""
    d = np.random.default_rng(12345).standard_normal((studies, seeds)) + difference
    patterns = 1 - 2 * ((np.arange(2 ** seeds)[:, None] >> np.arange(seeds)) & 1)
    p = np.array([np.mean(patterns @ row >= row.sum() - 1e-12) for row in d])
    half = stats.t.ppf(0.975, seeds - 1) * d.std(axis=1, ddof=1) / math.sqrt(seeds)
    return np.mean((p <= level) & (d.mean(axis=1) > half) & (d.mean(axis=1) >= margin)
                   & ((d > 0).sum(axis=1) >= wins))


def check_detectable(golden, comparison):
    """Of the first part of each family: it is found with 80% power, up to the error of 4,000."""
    seen = set()
    for verdict in golden:
        key = verdict["family"], len(verdict["seeds"])
        if key in seen or not verdict["parts"] or " - " not in verdict["parts"][0]["label"]:
            continue
        seen.add(key)
        numbers, n = verdict["parts"][0]["numbers"], len(verdict["seeds"])
        low, high = numbers["interval"]
        sd = (high - low) / 2 * math.sqrt(n) / stats.t.ppf(0.975, n - 1)
        wins = next(w for w in range(n + 1) if stats.beta.ppf(0.025, w, n - w + 1) > 0.5)
        share = find_share(n, ALPHA / verdict["family"], wins, verdict["parts"][0]["margin"] / sd,
                           numbers["detectable"] / sd)
        if not abs(share - 0.8) <= 0.03:
            comparison.faults.append(
                f"{verdict['id']} [{verdict['definition']}] detectable: found in {share:.3f} of "
                "studies; need 0.80")


def main():
    golden, catalogue = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    claims = [tomllib.loads(path.read_text()) for path in sorted(catalogue.glob("*.toml"))]
    if not claims:
        sys.exit("recompute: no claims; need the folder of their files")
    families = {}
    for claim in claims:
        families.setdefault(claim["family"], []).append(claim)
    verdicts = {}
    for members in families.values():
        study = members[0]["study"]
        rows = read_rows(golden, members[0]["task"], study)
        verdicts.update(judge_family(members, rows, range(PROFILES[study][1])))
    if "--print" in sys.argv:
        for (claim, definition), v in verdicts.items():
            parts = "; ".join(
                f"{r[0][1][0]['effect']:+.3g} [{r[0][1][0]['interval'][0]:+.3g}, "
                f"{r[0][1][0]['interval'][1]:+.3g}] {p[0]}"
                + "".join(f" ({n.split()[0]} {x[0]['effect']:+.3g} {e})"
                          for (n, x), e in zip(r[1:], p[2]))
                for (_, r), p in zip(v["gathered"], v["parts"]))
            marks = " ".join(f"{m['step']}:{m['outcome'][0]}{'!' if m['turns'] else ''}"
                             for m in v["landmarks"])
            print(f"{claim} [{definition}] {v['outcome']} ({v['as_defined']}) p {v['p_holm']:.3g}: "
                  f"{parts} {marks}")
        return 0
    stored = json.loads((golden / "verdicts.json").read_text())
    comparison = Comparison()
    comparison.text("the claims and definitions", {(v["id"], v["definition"]) for v in stored},
                    set(verdicts))
    for verdict in stored:
        now = verdicts.get((verdict["id"], verdict["definition"]))
        if now:
            comparison.verdict(verdict, now)
    check_detectable(stored, comparison)
    for fault in comparison.faults[:40]:
        print(fault)
    print(f"{len(stored)} verdicts, {comparison.numbers} numbers recomputed, "
          f"{len(comparison.faults)} differ")
    return 1 if comparison.faults or not stored else 0


if __name__ == "__main__":
    sys.exit(main())
