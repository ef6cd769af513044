"""Raw files that went wrong in transit."""

from hypothesis import strategies as st

from reference.clicks import logs
from reference.raw import write_lines

CHARACTERS = '0123456789-+.e,;:"{}[] \n\rntZ'


@st.composite
def damaged_files(draw: st.DrawFn, formats: tuple[str, ...]) -> tuple[str, bytes]:
    """A good file in which a few runs of bytes are cut, doubled, moved or replaced."""
    format = draw(st.sampled_from(formats))
    lines = write_lines(format, draw(logs(max_clicks=6)))
    data = "\n".join(lines).encode() + b"\n"
    return format, draw(damaged(data))


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    parts = st.integers(0, len(data))
    for _ in range(draw(st.integers(1, 3))):
        begin, length, place = draw(parts), draw(st.integers(0, 12)), draw(parts)
        piece = draw(
            st.sampled_from([b"", data[begin : begin + length]])
            | st.text(CHARACTERS, max_size=3).map(str.encode)
            | st.binary(max_size=2)
        )
        data = data[:place] + piece + data[place + draw(st.integers(0, 3)) :]
    return data
