"""Reads a safetensors file by the format's description alone, and prints of each tensor its name,
shape and bytes. Fails where the file is not as the description and PyTorch's loader want it. Where
the safetensors package is there, it has to find the same.
"""

import json
import math
import struct
import sys


def tensors_of(path):
  with open(path, "rb") as file:
    content = file.read()
  size, = struct.unpack("<Q", content[:8])
  assert (8 + size) % 8 == 0, "data that are not aligned"
  header, data = json.loads(content[8:8 + size]), content[8 + size:]
  metadata = header.pop("__metadata__")
  assert metadata["format"] == "pt", "metadata"
  assert all(isinstance(text, str) for text in metadata.values()), "metadata that is no text"
  end = 0
  for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    assert entry["data_offsets"][0] == end, f"a gap or an overlap before {name}"
    begin, end = entry["data_offsets"]
    width = {"F32": 4, "F64": 8}[entry["dtype"]]
    assert end - begin == width * math.prod(entry["shape"]), f"bytes of {name}"
    yield name, entry["shape"], data[begin:end]
  assert end == len(data), "bytes behind the last tensor"


def main():
  try:
    from safetensors.numpy import load_file
    package = load_file(sys.argv[1])
  except ModuleNotFoundError:
    package = None
  for name, shape, data in tensors_of(sys.argv[1]):
    if package is not None:
      tensor = package.pop(name)
      assert list(tensor.shape) == shape and tensor.tobytes() == data, f"the package's {name}"
    print(name, ",".join(map(str, shape)), data.hex())
  assert not package, "tensors that only the package finds"


main()
