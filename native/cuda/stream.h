#pragma once

#include <cuda_runtime.h>

#include <functional>
#include <utility>

namespace convsweep::cuda {

/** A CUDA object that is destroyed with its holder. Destroying may fail only after an error that was
 * reported. */
template <typename T, auto destroy>
class Owned {
 public:
  Owned() = default;
  explicit Owned(T object) : object_(object) {}
  ~Owned() {
    if (object_) destroy(object_);
  }
  Owned(Owned&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(object_, other.object_);
    return *this;
  }

  T get() const { return object_; }
  explicit operator bool() const { return object_ != nullptr; }

 private:
  T object_ = nullptr;
};

using Stream = Owned<cudaStream_t, cudaStreamDestroy>;
using Event = Owned<cudaEvent_t, cudaEventDestroy>;
using GraphExec = Owned<cudaGraphExec_t, cudaGraphExecDestroy>;

/** A stream that does not wait for the legacy default stream. */
Stream makeStream();
/** An event that marks a place in a stream, without a time. Who waits for it sleeps. */
Event makeEvent();

/**
 * What `work` puts into `stream`, recorded instead of run; empty if somebody else's call made the recording
 * invalid, and then nothing of it has run. `work` must neither wait nor allocate, and everything in it must
 * have run once before: the first use of a kernel loads its code, which a recording cannot do.
 */
GraphExec capture(cudaStream_t stream, const std::function<void()>& work);

}  // namespace convsweep::cuda
