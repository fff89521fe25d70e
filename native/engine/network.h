#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/adam.h"
#include "backend/backend.h"
#include "backend/plan.h"
#include "backend/taken.h"
#include "backend/thread_team.h"
#include "engine/layer.h"

namespace convsweep {

/** Means over images. */
struct Metrics {
  double loss;
  double accuracy;
};

/** What other threads may do with a network in flight. */
struct Control {
  /** A call is in flight. Only the JavaScript thread reads and writes this. */
  bool busy = false;
  std::atomic<bool> abort{false};
  std::atomic<uint64_t> images{0};
  std::atomic<double> loss{0};
  std::atomic<double> accuracy{0};
  /** The most threads that a call uses. Set before the first call. */
  size_t threads = SIZE_MAX;
  /** Who may work on the call in flight; null where its own thread is alone. Only that thread uses this. */
  ThreadTeam* team = nullptr;
};

/** A sequential network and its optimizer. One call at a time; any thread. */
class Network {
 public:
  Network(int device, const std::vector<Layer>& layers, const Adam& adam, const SessionOptions& options);

  const Plan& plan() const { return plan_; }
  /** Bytes that it holds on its device. */
  int64_t bytes() const { return bytes_; }

  /** One optimizer step per batch. Throws Error ABORTED between steps. */
  Metrics trainEpoch(const DeviceDataset& dataset, std::span<const uint32_t> rows,
                     std::span<const uint32_t> batchSizes, Control& control);
  Metrics evaluate(const DeviceDataset& dataset, std::span<const uint32_t> rows, size_t batchSize,
                   Control& control);
  /** `out`: rows x outputSize. With `training` all rows form one batch in training mode. */
  void predict(const DeviceDataset& dataset, std::span<const uint32_t> rows, size_t batchSize, bool training,
               float* out, Control& control);
  /** Mean loss and gradients (`out`: parameterCount) of one batch in training mode. The state stays. */
  double gradients(const DeviceDataset& dataset, std::span<const uint32_t> rows, float* out);

  /** Gives back what calls have taken; the state stays, and the next call takes memory anew. Throws nothing.
   */
  void releaseMemory();

  void readState(StateView to) { session_->readState(to); }
  void writeState(StateView from) { session_->writeState(from); }
  int64_t iterations() const { return iterations_; }
  void setIterations(int64_t iterations) { iterations_ = iterations; }

 private:
  void trainStep(size_t first, size_t n);
  void forward(size_t first, size_t n, Mode mode);
  void backward(size_t n);
  void report(Control& control);
  void stopIfAborted(const Control& control);
  Metrics metrics();

  int64_t bytes_ = 0;
  Plan plan_;
  std::unique_ptr<Session> session_;
  int64_t iterations_ = 0;
};

}  // namespace convsweep
