#!/usr/bin/env python3
"""Fits the coefficients of libnorm/core/math.hpp and prints them as C++ hexadecimal constants.

Every table is the best approximation in the Chebyshev sense (Remez exchange, 60 digits), rounded
to double at the end. The comment over each table gives the fit's worst relative error in the
function that uses it, before and after that rounding. There is no input and no randomness: two
runs print the same text.

Needs mpmath. Usage: fit_math.py > tables.txt
"""

from mpmath import mp, mpf

mp.dps = 60
GRID = 4000


def evaluate(coefficients, x):
    return mp.polyval(coefficients[::-1], x)


def solve_on(points, f, weight, m, n):
    """P, Q (degrees m, n; Q[0] = 1) and E with weight * (P/Q - f) = +-E in turn on the points."""
    signs = [(-1) ** i for i in range(len(points))]
    values = [f(x) for x in points]
    weights = [weight(x) for x in points]
    level, q = mpf(0), [mpf(1)]
    for _ in range(60):  # linear once the Q beside E is the last round's
        a = mp.matrix(len(points), len(points))
        b = mp.matrix(values)
        for i, x in enumerate(points):
            for j in range(m + 1):
                a[i, j] = x**j
            for j in range(1, n + 1):
                a[i, m + j] = -values[i] * x**j
            a[i, m + n + 1] = -signs[i] * evaluate(q, x) / weights[i]
        solution = mp.lu_solve(a, b)
        p = [solution[j] for j in range(m + 1)]
        q = [mpf(1)] + [solution[m + j] for j in range(1, n + 1)]
        settled = abs(solution[m + n + 1] - level) <= abs(level) * mpf(10) ** -12
        level = solution[m + n + 1]
        if n == 0 or settled:
            break
    return p, q, level


def extrema(error, grid, count):
    """The largest |error| between sign changes, on the grid and sharpened by a parabola."""
    values = [error(x) for x in grid]
    peaks, start = [], 0
    for i in range(1, len(grid) + 1):
        if i == len(grid) or (values[i] > 0) != (values[start] > 0):
            k = max(range(start, i), key=lambda j: abs(values[j]))
            x = grid[k]
            if 0 < k < len(grid) - 1:
                h0, h1 = grid[k] - grid[k - 1], grid[k + 1] - grid[k]
                d0, d1 = (values[k] - values[k - 1]) / h0, (values[k + 1] - values[k]) / h1
                if d0 != d1:
                    moved = x + (d0 * h1 + d1 * h0) / 2 / (d0 - d1)
                    if grid[k - 1] < moved < grid[k + 1] and abs(error(moved)) > abs(values[k]):
                        x = moved
            peaks.append((abs(error(x)), x))
            start = i
    while len(peaks) > count:
        peaks.pop(0 if peaks[0][0] < peaks[-1][0] else -1)
    if len(peaks) < count:
        raise SystemExit(f"fit_math: the error has {len(peaks)} extrema; need {count}")
    return [x for _, x in peaks]


def remez(f, weight, place, m, n=0):
    """Best P/Q of degrees m, n; `place` maps [0, 1] to the interval, dense where f bends."""
    count = m + n + 2
    grid = [place((1 - mp.cos(mp.pi * i / GRID)) / 2) for i in range(GRID + 1)]
    grid = [x for x in grid if weight(x) > mpf(10) ** -12]
    points = [grid[round(i * (len(grid) - 1) / (count - 1))] for i in range(count)]
    for _ in range(30):
        p, q, level = solve_on(points, f, weight, m, n)
        error = lambda x: weight(x) * (evaluate(p, x) / evaluate(q, x) - f(x))
        points = extrema(error, grid, count)
        worst = max(abs(error(x)) for x in points)
        if worst <= abs(level) * (1 + mpf(10) ** -4):
            break
    rounded = [[mpf(float(c)) for c in side] for side in (p, q)]
    after = max(abs(weight(x) * (evaluate(rounded[0], x) / evaluate(rounded[1], x) - f(x)))
                for x in grid)
    return p, q, worst, after


def show(name, what, coefficients, worst, after):
    print(f"// {what}.")
    print(f"// Worst relative error {mp.nstr(worst, 2)}, as rounded {mp.nstr(after, 2)}.")
    print(f"inline constexpr double {name}[] = {{")
    numbers = [float(c).hex() for c in coefficients]
    for i in range(0, len(numbers), 4):
        print("    " + ", ".join(numbers[i:i + 4]) + ("," if i + 4 < len(numbers) else "};"))


def split(name, value, bits):
    """A constant as hi + lo, where hi has so few bits that small multiples of it are exact."""
    hi = mp.ldexp(mp.nint(mp.ldexp(value, bits)), -bits)
    print(f"inline constexpr double {name}Hi = {float(hi).hex()};")
    print(f"inline constexpr double {name}Lo = {float(value - hi).hex()};")


def fit_exp():
    half = mp.log(2) / 2
    p, _, worst, after = remez(
        lambda r: (mp.expm1(r) - r) / r**2 if r else mpf(1) / 2,
        lambda r: r**2 * mp.exp(-r), lambda t: (2 * t - 1) * half * mpf("1.0001"), 9)
    show("kExp", "(exp(r) - 1 - r) / r^2 for |r| <= log(2)/2", p, worst, after)


def fit_log():
    limit = (3 - 2 * mp.sqrt(2)) ** 2 * mpf("1.0001")
    ratio = lambda z: mp.atanh(mp.sqrt(z)) / mp.sqrt(z)
    p, _, worst, after = remez(
        lambda z: 2 * (ratio(z) - 1) / z if z else mpf(2) / 3,
        lambda z: z / (2 * ratio(z)) if z else mpf(0), lambda t: t * limit, 6)
    show("kLog", "(log((1 + s) / (1 - s)) / s - 2) / z for z = s^2, |s| <= 3 - 2 sqrt(2)",
         p, worst, after)


def fit_erf():
    value = lambda u: mp.erf(mp.sqrt(u)) / mp.sqrt(u) if u else 2 / mp.sqrt(mp.pi)
    # To 1.015625: below it x + x P errs least, beyond it 1 - 2 Phi, whose tail is then small.
    limit = mpf("1.015625") ** 2
    p, _, worst, after = remez(
        lambda u: value(u) - 1, lambda u: 1 / value(u), lambda t: t * limit, 12)
    show("kErf", "erf(x) / x - 1 for u = x^2 <= 1.015625^2", p, worst, after)


def fit_tail(m, n):
    value = lambda a: mp.exp(a * a / 2) * mp.erfc(a / mp.sqrt(2)) / 2
    place = lambda t: 40 * t / (1 + 19 * (1 - t))
    p, q, worst, after = remez(value, lambda a: 1 / value(a), place, m, n)
    what = "exp(a^2/2) Phi(-a) for 0 <= a <= 40"
    show("kTailUp", what + ", numerator", p, worst, after)
    show("kTailDown", what + ", denominator", q, worst, after)


def main():
    split("kLn2", mp.log(2), 42)
    print(f"inline constexpr double kLog2E = {float(1 / mp.log(2)).hex()};")
    print(f"inline constexpr double kInvSqrt2Pi = {float(1 / mp.sqrt(2 * mp.pi)).hex()};")
    print(f"inline constexpr double kSqrt2 = {float(mp.sqrt(2)).hex()};")
    fit_exp()
    fit_log()
    fit_erf()
    fit_tail(9, 10)


if __name__ == "__main__":
    main()
