"""How long a sound is that a request brings, told by its headers before an engine unpacks it.

llama.cpp's ``tools/mtmd/mtmd-helper.cpp`` takes WAV, FLAC and MP3 (b11549), and miniaudio makes
32-bit samples of all of it at the model's rate: a kilobyte that says one sample a second is 64 MB.
"""

from __future__ import annotations

import functools

# 230 MB at the 16,000 samples a second of most models.
MOST_SECONDS = 3600.0
UNKNOWN = float("inf")
# Formats of WAV with one sample of all channels in a block: PCM, floats, A-law, mu-law, and what
# says so further on. Others have two samples in a byte at most.
_PLAIN = (1, 3, 6, 7, 0xFFFE)
_ID3_HEADER = 10
# MPEG audio, layer III (ISO 11172-3 and 13818-3): kilobits a second, and samples a second, by
# version; versions 2 and 2.5 share the first.
_BITRATES = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def seconds(data: bytes) -> float | None:
    """Its length; ``UNKNOWN`` where it is not told, None for no WAV, FLAC or MP3."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return _wav(data)
    if data[:3] == b"ID3":
        data = data[_ID3_HEADER + _sevens(data[6:10]) :]
    elif data[:4] != b"fLaC" and not _is_frame(data[:2]):
        return None
    return _flac(data) if data[:4] == b"fLaC" else _mp3(data)


def _wav(data: bytes) -> float:
    at, rate, samples = 12, 0, 0.0
    while at + 8 <= len(data):
        name, size = data[at : at + 4], _little(data[at + 4 : at + 8])
        if name == b"fmt ":
            rate, block = _little(data[at + 12 : at + 16]), _little(data[at + 20 : at + 22])
            plain = _little(data[at + 8 : at + 10]) in _PLAIN
            samples = (1 / block if block else UNKNOWN) if plain else 2.0
        if name == b"data":
            # What it says counts, not what there is.
            return size * samples / rate if rate else UNKNOWN
        at += 8 + size + size % 2
    return UNKNOWN


def _flac(data: bytes) -> float:
    """Of its first block (RFC 9639, section 8.2), which may leave the number of samples open."""
    told = int.from_bytes(data[18:26], "big")
    rate, samples = told >> 44, told & (1 << 36) - 1
    return samples / rate if rate and samples else UNKNOWN


def _mp3(data: bytes) -> float:
    """All frames together, those found behind garbage too."""
    found, at = 0.0, 0
    while found <= MOST_SECONDS:
        at = data.find(b"\xff", at)
        if at < 0:
            return found or UNKNOWN
        length, lasts = _frame(data[at : at + 4])
        found += lasts
        at += max(1, length)
    return found


def _frame(header: bytes) -> tuple[int, float]:
    """Bytes and seconds of a frame; zeros for none, and no length where it is not told."""
    if len(header) < 4 or not _is_frame(header):
        return 0, 0.0
    version, bitrate, rate = header[1] >> 3 & 3, header[2] >> 4, header[2] >> 2 & 3
    if version not in _RATES or rate == 3 or bitrate == 15 or header[1] >> 1 & 3 != 1:
        return 0, 0.0
    is_first = version == 3
    samples, per_second = (1152 if is_first else 576), _RATES[version][rate]
    bits = _BITRATES[is_first][bitrate] * 1000
    return samples // 8 * bits // per_second + (header[2] >> 1 & 1), samples / per_second


def _is_frame(start: bytes) -> bool:
    return len(start) > 1 and start[0] == 0xFF and start[1] & 0xE0 == 0xE0


def _sevens(data: bytes) -> int:
    """A number of seven bits a byte, as in ID3."""
    return functools.reduce(lambda number, byte: number << 7 | byte & 0x7F, data, 0)


def _little(data: bytes) -> int:
    return int.from_bytes(data, "little")
