#!/bin/sh
# Makes the Python environment of test/interop in .venv/interop, or brings it up to date. Needs Python 3.10+ with venv.
set -eu
cd "$(dirname "$0")/../.."
[ -x .venv/interop/bin/python ] || python3 -m venv .venv/interop
.venv/interop/bin/python -m pip install --quiet -r test/interop/requirements.txt
.venv/interop/bin/python -c 'import keras, onnx, onnxruntime, safetensors; print("keras", keras.__version__, "onnx", onnx.__version__, "onnxruntime", onnxruntime.__version__, "safetensors", safetensors.__version__)'
