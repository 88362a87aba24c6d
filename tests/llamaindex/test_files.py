"""Files are told by their bytes, whatever the names and types are that come with them (G35)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import AudioBlock, ChatMessage, DocumentBlock, ImageBlock, VideoBlock

from inference_do import ConfigError
from inference_do.emulator import Emulator
from llamaindex_do import DigitalOcean

PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n%%EOF"
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 "
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00"
MP3 = b"ID3\x03\x00\x00\x00\x00\x00\x00"
MP4 = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"
MOV = b"\x00\x00\x00\x14ftypqt  \x00\x00\x00\x00"
WEBM = b"\x1aE\xdf\xa3\x01\x00\x00\x00"


def part_of(llm: DigitalOcean, emu: Emulator, block: Any) -> Any:
    llm.chat([ChatMessage(blocks=[block])])
    return emu.requests[-1].json["messages"][0]["content"]


def data_url(mime_type: str, data: bytes) -> str:
    return f"data:{mime_type};base64,{base64.b64encode(data).decode()}"


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def write(name: str, data: bytes) -> Path:
        (tmp_path / name).write_bytes(data)
        return tmp_path / name

    return write


@pytest.mark.parametrize("name", ["a.PDF", "a", "a.pdf", "a.txt", "a.bin"])
@pytest.mark.parametrize("data", [PDF, b"\xef\xbb\xbf" + PDF, b"\n" + PDF], ids=["plain", "mark", "newline"])
def test_a_pdf_is_a_file(llm: DigitalOcean, emu: Emulator, save: Any, name: str, data: bytes) -> None:
    (part,) = part_of(llm, emu, DocumentBlock(path=save(name, data)))
    assert part["type"] == "file"
    assert part["file"]["file_data"] == data_url("application/pdf", data)


@pytest.mark.parametrize("given", ["bytes", "base64", "BytesIO", "base64 in BytesIO", "open file", "data URL"])
def test_a_pdf_is_a_file_however_it_is_given(llm: DigitalOcean, emu: Emulator, save: Any, given: str) -> None:
    encoded = base64.b64encode(PDF)
    with save("a", PDF).open("rb") as file:
        block = {
            "bytes": lambda: DocumentBlock(data=PDF),
            "base64": lambda: DocumentBlock(data=encoded),
            "BytesIO": lambda: DocumentBlock.model_construct(data=BytesIO(PDF), title="a"),
            "base64 in BytesIO": lambda: DocumentBlock.model_construct(data=BytesIO(encoded), title="a"),
            "open file": lambda: DocumentBlock.model_construct(data=file, title="a"),
            "data URL": lambda: DocumentBlock(url=data_url("application/pdf", PDF)),
        }[given]()
        (part,) = part_of(llm, emu, block)
    assert part["file"]["file_data"] == data_url("application/pdf", PDF)


@pytest.mark.parametrize(
    ("name", "data", "mime_type"),
    [
        ("IMG_1.jpeg", JPEG, "image/jpeg"),
        ("IMG_1.JPG", JPEG, "image/jpeg"),
        ("a", PNG, "image/png"),
        ("a.WEBP", WEBP, "image/webp"),
        ("a.dat", b"GIF87a\x01\x00", "image/gif"),
    ],
)
@pytest.mark.parametrize("given", ["path", "bytes", "BytesIO", "base64 in BytesIO", "open file"])
def test_images(
    llm: DigitalOcean, emu: Emulator, save: Any, *, name: str, data: bytes, mime_type: str, given: str
) -> None:
    path = save(name, data)
    with path.open("rb") as file:
        block = {
            "path": lambda: ImageBlock(path=path),
            "bytes": lambda: ImageBlock(image=data),
            "BytesIO": lambda: ImageBlock(image=BytesIO(data)),
            "base64 in BytesIO": lambda: ImageBlock(image=BytesIO(base64.b64encode(data))),
            "open file": lambda: ImageBlock(image=file),
        }[given]()
        (part,) = part_of(llm, emu, block)
    assert part["image_url"]["url"] == data_url(mime_type, data)


@pytest.mark.parametrize(
    ("name", "data", "format_"),
    [("a.WAV", WAV, "wav"), ("a", WAV, "wav"), ("a.MP3", MP3, "mp3"), ("b", b"\xff\xfb\x90\x00", "mp3")],
)
@pytest.mark.parametrize("given", ["path", "BytesIO"])
def test_sounds(
    llm: DigitalOcean, emu: Emulator, save: Any, *, name: str, data: bytes, format_: str, given: str
) -> None:
    block = AudioBlock(path=save(name, data)) if given == "path" else AudioBlock(audio=BytesIO(data))
    (part,) = part_of(llm, emu, block)
    assert part["input_audio"] == {"data": base64.b64encode(data).decode(), "format": format_}


@pytest.mark.parametrize("format_", ["mpeg", "audio/mpeg", "mp3"])
def test_a_sounds_format_may_be_its_type(llm: DigitalOcean, emu: Emulator, format_: str) -> None:
    (part,) = part_of(llm, emu, AudioBlock(audio=MP3, format=format_))
    assert part["input_audio"]["format"] == "mp3"


@pytest.mark.parametrize(
    ("name", "data", "mime_type"),
    [
        ("a.MP4", MP4, "video/mp4"),
        ("a", MP4, "video/mp4"),
        ("a.MOV", MOV, "video/quicktime"),
        ("a.WEBM", WEBM, "video/webm"),
    ],
)
@pytest.mark.parametrize("given", ["path", "BytesIO"])
def test_videos(
    llm: DigitalOcean, emu: Emulator, save: Any, *, name: str, data: bytes, mime_type: str, given: str
) -> None:
    block = VideoBlock(path=save(name, data)) if given == "path" else VideoBlock(video=BytesIO(data))
    (part,) = part_of(llm, emu, block)
    assert part["video_url"]["url"] == data_url(mime_type, data)


@pytest.mark.parametrize(
    ("data", "mimetype", "text"),
    [
        ("Größe".encode(), None, "Größe"),
        ("Größe".encode("cp1252"), "text/csv", "Größe"),
        ("Größe".encode("utf-16"), None, "Größe"),
        (b"\xef\xbb\xbfa,b", "text/csv", "a,b"),
        (b"BMW and ID3 tags", None, "BMW and ID3 tags"),
        (b"About %PDF-1.4", None, "About %PDF-1.4"),
        (b'{"a": 1}', "application/vnd.api+json", '{"a": 1}'),
    ],
    ids=repr,
)
def test_text_is_text(llm: DigitalOcean, emu: Emulator, data: bytes, mimetype: str | None, text: str) -> None:
    assert part_of(llm, emu, DocumentBlock(data=data, document_mimetype=mimetype)) == text


@pytest.mark.parametrize(
    "block",
    [
        ImageBlock(image=BytesIO(PDF)),
        ImageBlock(image=BytesIO(b"no image")),
        AudioBlock(audio=BytesIO(PNG)),
        VideoBlock(video=BytesIO(WAV)),
    ],
    ids=lambda block: type(block).__name__,
)
def test_what_is_something_else_is_refused(llm: DigitalOcean, emu: Emulator, block: Any) -> None:
    with pytest.raises(ConfigError, match="unknown"):
        llm.chat([ChatMessage(blocks=[block])])
    assert emu.posts == 0


def as_url(data: bytes) -> bytes:
    return data_url("a/b", data).encode()


@pytest.mark.parametrize("write", [base64.encodebytes, as_url])
def test_base64_with_line_breaks_and_data_urls_are_read(llm: DigitalOcean, emu: Emulator, write: Any) -> None:
    pdf, png, wav, mp4 = (data + bytes(200) for data in (PDF, PNG, WAV, MP4))
    for data in (write(pdf), BytesIO(write(pdf))):
        (part,) = part_of(llm, emu, DocumentBlock(data=data))
        assert part["file"]["file_data"] == data_url("application/pdf", pdf)
    (part,) = part_of(llm, emu, ImageBlock(image=write(png), image_mimetype="image/png"))
    assert part["image_url"]["url"] == data_url("image/png", png)
    (part,) = part_of(llm, emu, AudioBlock(audio=write(wav), format="wav"))
    assert part["input_audio"] == {"data": base64.b64encode(wav).decode(), "format": "wav"}
    (part,) = part_of(llm, emu, VideoBlock(video=write(mp4)))
    assert part["video_url"]["url"] == data_url("video/mp4", mp4)


def test_a_data_url_of_text_is_its_text(llm: DigitalOcean, emu: Emulator) -> None:
    for url in (data_url("text/plain", b"Plain words."), "data:,Plain%20words."):
        assert part_of(llm, emu, DocumentBlock(data=url.encode())) == "Plain words."


def test_bytes_win_over_a_wrong_suffix(llm: DigitalOcean, emu: Emulator, save: Any) -> None:
    (part,) = part_of(llm, emu, AudioBlock(path=save("a.mp3", WAV)))
    assert part["input_audio"]["format"] == "wav"
    (part,) = part_of(llm, emu, AudioBlock(audio=WAV, format=".wav"))
    assert part["input_audio"]["format"] == "wav"
    (part,) = part_of(llm, emu, ImageBlock(path=save("a.jpg", PNG)))
    assert part["image_url"]["url"] == data_url("image/png", PNG)
    (part,) = part_of(llm, emu, ImageBlock(image=PNG, image_mimetype="image/jpeg"))
    assert part["image_url"]["url"] == data_url("image/png", PNG)
