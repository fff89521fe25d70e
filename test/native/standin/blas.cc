#include <cublas_v2.h>

#include <vector>

#include "standin/handle.h"

struct cublasContext : standin::Handle {
  void* workspace = nullptr;
  size_t workspaceBytes = 0;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
};

namespace standin {
namespace {

/** A column-major matrix as stored, `rows` x `columns`. */
struct Matrix {
  const float* values;
  int rows, columns, stride;
  bool transposed;
  size_t bytes() const { return (static_cast<size_t>(columns - 1) * stride + rows) * sizeof(float); }
};

/** The matrix that enters the product, row by row, exact or in TF32. */
std::vector<float> rowsOf(const Matrix& matrix, bool tf32) {
  const int rows = matrix.transposed ? matrix.columns : matrix.rows;
  const int columns = matrix.transposed ? matrix.rows : matrix.columns;
  std::vector<float> result(static_cast<size_t>(rows) * columns);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      const int row = matrix.transposed ? j : i, column = matrix.transposed ? i : j;
      const float value = matrix.values[static_cast<size_t>(column) * matrix.stride + row];
      result[static_cast<size_t>(i) * columns + j] = tf32 ? toTf32(value) : value;
    }
  }
  return result;
}

template <typename T>
void multiply(T zero, const Matrix& a, const Matrix& b, float alpha, float beta, float* c, int ldc,
              bool tf32) {
  const int m = a.transposed ? a.columns : a.rows;
  const int k = a.transposed ? a.rows : a.columns;
  const int n = b.transposed ? b.rows : b.columns;
  const std::vector<float> left = rowsOf(a, tf32), right = rowsOf(b, tf32);
  std::vector<T> row;
  for (int i = 0; i < m; ++i) {
    row.assign(n, zero);
    for (int p = 0; p < k; ++p) {
      const T factor = left[static_cast<size_t>(i) * k + p];
      for (int j = 0; j < n; ++j) row[j] += factor * right[static_cast<size_t>(p) * n + j];
    }
    for (int j = 0; j < n; ++j) {
      float& place = c[static_cast<size_t>(j) * ldc + i];
      place = static_cast<float>(alpha * row[j] + (beta == 0 ? 0 : beta * static_cast<double>(place)));
    }
  }
}

}  // namespace
}  // namespace standin

using namespace standin;

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    default:
      return "CUBLAS_STATUS_UNKNOWN";
  }
}

const char* cublasGetStatusString(cublasStatus_t status) {
  return cublasGetStatusName(status);
}

cublasStatus_t cublasGetProperty(libraryPropertyType type, int* value) {
  *value = type == MAJOR_VERSION ? CUBLAS_VER_MAJOR : type == MINOR_VERSION ? 1 : 0;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  if (health() || deviceWideCall("cublasCreate")) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasContext;
  born(*handle, "cuBLAS handle");
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  if (deviceWideWait("cublasDestroy") || !died(handle, "cuBLAS handle")) return CUBLAS_STATUS_NOT_INITIALIZED;
  delete handle;
  return health() ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  if (!alive(handle, "cuBLAS handle")) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!alive(stream, "stream")) return CUBLAS_STATUS_INVALID_VALUE;
  handle->stream = stream;
  // As cuBLAS does: back to its own workspace, which no capture may use.
  handle->workspace = nullptr;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, size_t bytes) {
  if (!alive(handle, "cuBLAS handle")) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (reinterpret_cast<uintptr_t>(workspace) % faults().alignment != 0)
    violation("a cuBLAS workspace that is not aligned as allocations are");
  if (!inDeviceMemory(workspace, bytes, handle->device, "cublasSetWorkspace"))
    return CUBLAS_STATUS_INVALID_VALUE;
  handle->workspace = workspace;
  handle->workspaceBytes = bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  if (!alive(handle, "cuBLAS handle")) return CUBLAS_STATUS_NOT_INITIALIZED;
  handle->math = mode;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                              int m, int n, int k, const float* alpha, const float* a, int lda,
                              const float* b, int ldb, const float* beta, float* c, int ldc) {
  constexpr const char* kCall = "cublasSgemm";
  if (!alive(handle, "cuBLAS handle")) return CUBLAS_STATUS_NOT_INITIALIZED;
  const Use use(*handle, kCall);
  const bool ta = transa != CUBLAS_OP_N, tb = transb != CUBLAS_OP_N;
  const Matrix left{a, ta ? k : m, ta ? m : k, lda, ta}, right{b, tb ? n : k, tb ? k : n, ldb, tb};
  if (m < 1 || n < 1 || k < 1 || lda < left.rows || ldb < right.rows || ldc < m) {
    violation("cublasSgemm: sizes and leading dimensions that do not fit");
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!handle->workspace) {
    violation("cublasSgemm without a workspace set after the stream");
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  void* const workspace = handle->workspace;
  const size_t workspaceBytes = handle->workspaceBytes;
  const Matrix product{c, m, n, ldc, false};
  const int device = handle->device;
  const auto fits = [=] {
    return sound(kCall, device,
                 {{"A", left.values, left.bytes(), false},
                  {"B", right.values, right.bytes(), false},
                  {"C", product.values, product.bytes(), true},
                  {"the workspace", workspace, workspaceBytes, true}});
  };
  if (!fits()) return CUBLAS_STATUS_INVALID_VALUE;
  const bool tf32 = handle->math == CUBLAS_TF32_TENSOR_OP_MATH;
  const float by = *alpha, plus = *beta;
  const cudaError_t error = submit(
      handle->stream, {kCall, [=] {
                         if (!fits()) return;
                         withSums([&](auto zero) { multiply(zero, left, right, by, plus, c, ldc, tf32); });
                       }});
  return error ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}
