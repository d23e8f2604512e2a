"""What the processor can do."""

from pathlib import Path

CPU_INFO = Path("/proc/cpuinfo")
# By Intel and AMD, and by ARM.
_BFLOAT16 = ("amx_bf16", "avx512_bf16", "bf16")


def bfloat16_flag() -> str | None:
    """The processor's flag for products in bfloat16: "" without one, None if it does not say."""
    if not CPU_INFO.exists():
        return None
    flags = CPU_INFO.read_text("utf-8", "replace").split()
    return next((flag for flag in _BFLOAT16 if flag in flags), "")
