#include "cuda/stream.h"

#include "backend/error.h"
#include "cuda/check.h"

namespace convsweep::cuda {
namespace {

using Graph = Owned<cudaGraph_t, cudaGraphDestroy>;

/** Whether a recording ended like this because of what another thread or library did. */
bool isBroken(cudaError_t status) {
  return status == cudaErrorStreamCaptureUnsupported || status == cudaErrorStreamCaptureInvalidated ||
         status == cudaErrorStreamCaptureImplicit;
}

/** Recording mode, which ends with this object: a stream left in it would be unusable. */
class Recording {
 public:
  explicit Recording(cudaStream_t stream) : stream_(stream) {
    // Thread-local: other threads may allocate for their own networks meanwhile.
    CUDART(cudaStreamBeginCapture, stream, cudaStreamCaptureModeThreadLocal);
  }
  ~Recording() {
    if (stream_) end();
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /** Success comes with the graph. */
  cudaError_t end() {
    cudaGraph_t graph = nullptr;
    const cudaError_t status = cudaStreamEndCapture(std::exchange(stream_, nullptr), &graph);
    graph_ = Graph(graph);
    if (status != cudaSuccess) cudaGetLastError();  // or the next launch would report it again
    return status;
  }
  cudaGraph_t graph() const { return graph_.get(); }

 private:
  cudaStream_t stream_;
  Graph graph_;
};

}  // namespace

Stream makeStream() {
  cudaStream_t stream = nullptr;
  CUDART(cudaStreamCreateWithFlags, &stream, cudaStreamNonBlocking);
  return Stream(stream);
}

Event makeEvent() {
  cudaEvent_t event = nullptr;
  CUDART(cudaEventCreateWithFlags, &event, cudaEventDisableTiming | cudaEventBlockingSync);
  return Event(event);
}

GraphExec capture(cudaStream_t stream, const std::function<void()>& work) {
  Recording recording(stream);
  try {
    work();
  } catch (const Error&) {
    // In an invalid recording every call fails, each library's with an error of its own.
    if (isBroken(recording.end())) return {};
    throw;
  }
  const cudaError_t status = recording.end();
  if (isBroken(status)) return {};
  check(status, {"cudaStreamEndCapture", __FILE__, __LINE__});
  cudaGraphExec_t exec = nullptr;
  CUDART(cudaGraphInstantiate, &exec, recording.graph(), 0);
  return GraphExec(exec);
}

}  // namespace convsweep::cuda
