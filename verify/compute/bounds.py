"""What rounding allows. Pure arithmetic, no torch.

Sources: N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., SIAM 2002 ("ASNA"); P. Blanchard,
N. J. Higham, F. Lopez, T. Mary, S. Pranesh, Mixed precision block fused multiply-add, SIAM J. Sci. Comput. 42(3), 2020
("BHLMP"); P. Blanchard, D. J. Higham, N. J. Higham, Accurately computing the log-sum-exp and softmax functions, IMA J.
Numer. Anal. 41(4), 2021 ("BHH").
"""

from __future__ import annotations

import math

#: Bits of the significand, the hidden one counted.
BITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8, "float8_e4m3fn": 4, "float8_e4m3fnuz": 4}

#: Powers of two either way that numbers of a format may differ by, well inside its range.
REACH = {"float64": 300, "float32": 60, "float16": 4, "bfloat16": 60, "float8_e4m3fn": 2, "float8_e4m3fnuz": 2}

#: The format that a product is returned in, where it is not that of its factors.
RESULT = {"float8_e4m3fn": "bfloat16", "float8_e4m3fnuz": "bfloat16", "int8": "int32"}

#: Whole numbers up to this size are exact in a format.
EXACT = {**{name: 2**bits for name, bits in BITS.items()}, "int32": 2**31 - 1}

#: Of float32.
SMALLEST_NORMAL = 2.0**-126


def roundoff(dtype: str) -> float:
    """The unit roundoff u of a format, to nearest."""
    return 2.0 ** -BITS[dtype]


def gamma(k: float, u: float) -> float:
    """k u / (1 - k u): ASNA, lemma 3.1.

    :raises ValueError: where k u reaches 1 and nothing is known.
    """
    if k * u >= 1:
        raise ValueError(f"no bound: k u = {k * u}")
    return k * u / (1 - k * u)


def inner_product(k: int, dtype: str) -> tuple[float, float]:
    """``(a, b)`` with ``|fl(AB) - AB| <= a |A||B| + b |AB|`` for inner length ``k``, in any order of summation.

    ASNA, section 3.5, for float64 and float32. Narrower factors are multiplied exactly and summed in float32, by units that
    may cut off instead of rounding (2 u), and rounded once at the end: BHLMP, section 3.
    """
    if dtype in ("float64", "float32"):
        return gamma(k, roundoff(dtype)), 0.0
    last = roundoff(RESULT.get(dtype, dtype))
    return gamma(k, 2 * roundoff("float32")) * (1 + last), last


def fourier(n: int, dtype: str = "float32") -> float:
    """The largest relative error of a transform of length ``n``, in the 2-norm: ASNA, theorem 24.2, weights rounded once.

    Other lengths than powers of two may be done by Bluestein's algorithm: three transforms of up to four times the length.
    """
    u = roundoff(dtype)
    eta = u + gamma(4, u) * (math.sqrt(2) + u)
    power = n & (n - 1) == 0
    return gamma(math.log2(n) if power else 3 * (math.log2(n) + 2), eta)


def softmax(n: int, spread: float, dtype: str = "float32") -> float:
    """The largest relative error of an element of a softmax over ``n``; ``spread``: largest minus smallest argument.

    BHH, theorem 4.2, with an exponential that is right to 4 units in the last place.
    """
    return gamma(n + 2 * spread + 16, roundoff(dtype))


def convolution(terms: int, dtype: str) -> float:
    """The largest error of a convolution of that many terms, over the largest sum of absolute values.

    Fast (Winograd) kernels promise no more than a bound in the norm; the factor 100 allows for F(4x4, 3x3): B. Barabasz
    et al., Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks, ACM TOMS 46 (2020).
    """
    return 100 * terms * roundoff("float32") + (0 if dtype == "float32" else 2 * roundoff(dtype))
