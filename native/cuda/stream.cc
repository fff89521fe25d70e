#include "cuda/stream.h"

#include "cuda/check.h"

namespace convsweep::cuda {
namespace {

using Graph = Owned<cudaGraph_t, cudaGraphDestroy>;

/** Recording mode, which ends with this object: a stream left in it would be unusable. */
class Recording {
 public:
  explicit Recording(cudaStream_t stream) : stream_(stream) {
    // Thread-local: other threads may allocate for their own networks meanwhile.
    CUDART(cudaStreamBeginCapture, stream, cudaStreamCaptureModeThreadLocal);
  }
  ~Recording() {
    if (!stream_) return;
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(stream_, &graph);
    const Graph discarded(graph);
    cudaGetLastError();
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  Graph end() {
    cudaGraph_t graph = nullptr;
    CUDART(cudaStreamEndCapture, std::exchange(stream_, nullptr), &graph);
    return Graph(graph);
  }

 private:
  cudaStream_t stream_;
};

}  // namespace

Stream makeStream() {
  cudaStream_t stream = nullptr;
  CUDART(cudaStreamCreateWithFlags, &stream, cudaStreamNonBlocking);
  return Stream(stream);
}

Event makeEvent() {
  cudaEvent_t event = nullptr;
  CUDART(cudaEventCreateWithFlags, &event, cudaEventDisableTiming);
  return Event(event);
}

GraphExec capture(cudaStream_t stream, const std::function<void()>& work) {
  Recording recording(stream);
  work();
  const Graph graph = recording.end();
  cudaGraphExec_t exec = nullptr;
  CUDART(cudaGraphInstantiate, &exec, graph.get(), 0);
  return GraphExec(exec);
}

}  // namespace convsweep::cuda
