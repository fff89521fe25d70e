#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/adam.h"
#include "backend/plan.h"
#include "backend/thread_team.h"

/**
 * What a backend implements. The engine sees a network as a chain of fused blocks: input -> block -> ... ->
 * loss. A block reads its predecessor's output and hands its input's gradient back to it; how the two meet
 * (layout, a batch norm folded into the next convolution) is the backend's own affair, since it builds the
 * whole chain from the plan.
 */
namespace convsweep {

enum class Mode { Training, Inference };

/** Sums over images since the last reset. */
struct Totals {
  double loss = 0;
  uint64_t correct = 0;
  uint64_t images = 0;
};

/** A copy of images and labels on a device. Immutable, shared by networks and threads. */
class DeviceDataset {
 public:
  virtual ~DeviceDataset() = default;
};

/** One fused block. `n` images are in the chain from `Input::load` until the next load. */
class Block {
 public:
  virtual ~Block() = default;
  /** Computes the output of `n` images. In training it updates moving statistics and prepares `backward`. */
  virtual void forward(size_t n, Mode mode) = 0;
  /** From the gradient of the output: the gradients of the parameters (overwritten) and of the input. */
  virtual void backward(size_t n) = 0;
};

/** The chain's start: gathers and rescales pixels. */
class Input {
 public:
  virtual ~Input() = default;
  /** Takes the bound rows [first, first + n). */
  virtual void load(size_t first, size_t n) = 0;
};

/** The chain's end: softmax, sparse categorical cross-entropy on the logits, accuracy. */
class Loss {
 public:
  virtual ~Loss() = default;
  /** Adds the `n` images to the totals. Training mode also writes the gradient of their mean loss. */
  virtual void forward(size_t n, Mode mode) = 0;
};

/** The flat state of a network, lib/native/contract.ts' NativeState. Empty spans are left alone. */
struct StateView {
  std::span<float> parameters, statistics, m, v;
};

/**
 * One network on one device: its memory, its blocks, its place in the device's queue. Used by one thread at a
 * time.
 */
class Session {
 public:
  virtual ~Session() = default;

  /**
   * Who may work on what follows, until the next call of this; null stands for the calling thread alone. Of
   * no use to a backend that computes elsewhere.
   */
  virtual void shareWith(ThreadTeam*) {}

  virtual Input& input() = 0;
  virtual std::span<const std::unique_ptr<Block>> blocks() = 0;
  virtual Loss& loss() = 0;
  /**
   * What follows belongs to optimizer step `t`, counted from 1. Dropout masks and Adam's bias correction need
   * to know.
   */
  virtual void beginStep(int64_t t) = 0;
  /** Applies the gradients of the last backward pass. */
  virtual void adam() = 0;

  /** Makes `rows` of `dataset` the ones that `Input::load` takes; both outlive the calls that use them. */
  virtual void bind(const DeviceDataset& dataset, std::span<const uint32_t> rows) = 0;
  /**
   * Runs one step of `n` images, the bound rows behind those of the last step. A device that can record steps
   * may replay such a recording instead of calling `step`, which therefore does the same for equal mode and
   * equal `n`.
   */
  virtual void run(Mode mode, size_t n, const std::function<void()>& step) = 0;

  /** Gives back all memory but the state's; `bind` takes it anew. After a step that failed. Throws nothing.
   */
  virtual void releaseMemory() = 0;

  virtual void resetTotals() = 0;
  /** Waits for the steps so far. */
  virtual Totals totals() = 0;
  /** What is known of the totals without waiting. */
  virtual Totals progress() = 0;
  /** Copies the last forward pass' outputs (probabilities after a softmax), n x outputSize. Waits. */
  virtual void readOutputs(size_t n, float* out) = 0;
  virtual void readGradients(float* out) = 0;
  virtual void readState(StateView to) = 0;
  virtual void writeState(StateView from) = 0;
};

/** How factors of convolutions and matrix products are rounded. */
enum class Precision {
  /** Not at all. */
  Fp32,
  /** To the 10 bits of NVIDIA's TF32; sums stay float32. */
  Tf32,
};

struct SessionOptions {
  /** Selects the dropout masks. */
  uint32_t seed = 0;
  Precision precision = Precision::Fp32;
};

struct DeviceInfo {
  std::string name;
  std::string description;
  int concurrency;
  /** What it computes in, and what Keras does there. */
  std::vector<Precision> precisions;
  Precision defaultPrecision;
};

struct BuildInfo {
  std::string backend;
  std::vector<std::string> instructionSets;
  std::string instructionSet;
  std::vector<std::pair<std::string, std::string>> libraries;
};

/** What each backend defines, exactly one of which is linked into an addon. */
namespace backend {

BuildInfo buildInfo();
/** Throws Error DEVICE_UNAVAILABLE with reason and remedy where there is none. */
std::vector<DeviceInfo> devices();
size_t memoryInUse();
/** Called once on each thread that runs sessions, before the first. */
void prepareThread();
/** Copies `count` images of `imageSize` pixels, and their labels. */
std::unique_ptr<DeviceDataset> createDataset(int device, const uint8_t* images, const uint8_t* labels,
                                             size_t count, size_t imageSize);
/** State is all zeros until written. */
std::unique_ptr<Session> createSession(int device, const Plan& plan, const Adam& adam,
                                       const SessionOptions& options);

}  // namespace backend
}  // namespace convsweep
