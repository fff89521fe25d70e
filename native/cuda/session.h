#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "cuda/blocks.h"
#include "cuda/dataset.h"
#include "cuda/stream.h"

namespace convsweep::cuda {

/** A network on a GPU, with a stream of its own. */
class CudaSession final : public Session {
 public:
  CudaSession(std::shared_ptr<Device> device, const Plan& plan, const Adam& adam,
              const SessionOptions& options);
  ~CudaSession() override;

  Input& input() override { return input_; }
  std::span<const std::unique_ptr<Block>> blocks() override { return blocks_; }
  Loss& loss() override { return loss_; }
  void beginStep(int64_t t) override { step_ = t; }
  void adam() override;

  void bind(const DeviceDataset& dataset, std::span<const uint32_t> rows) override;
  /** The first step of a kind runs as it comes, which loads the code it needs; the second is recorded, and
   * from then on the recording is replayed without asking `step`. Where something else in the process breaks
   * the recording, that step runs as it comes, too, and the next one is recorded. */
  void run(Mode mode, size_t n, const std::function<void()>& step) override;

  void releaseMemory() override;
  void resetTotals() override;
  Totals totals() override;
  Totals progress() override;
  void readOutputs(size_t n, float* out) override;
  void readGradients(float* out) override;
  void readState(StateView to) override;
  void writeState(StateView from) override;

 private:
  /** The chain's ends, which need to know where in its step the session is. */
  class Images final : public Input {
   public:
    explicit Images(CudaSession& session) : session_(session) {}
    void load(size_t first, size_t n) override { session_.loadImages(first, n); }

   private:
    CudaSession& session_;
  };
  class CrossEntropyLoss final : public Loss {
   public:
    explicit CrossEntropyLoss(CudaSession& session) : session_(session) {}
    void forward(size_t n, Mode mode) override { session_.addLoss(n, mode); }

   private:
    CudaSession& session_;
  };
  void loadImages(size_t first, size_t n);
  void addLoss(size_t n, Mode mode);

  cudaStream_t stream() const { return lane_->stream(); }
  void wait() const;
  CudaBlock& block(size_t i) { return static_cast<CudaBlock&>(*blocks_[i]); }

  void runOrReplay(Mode mode, size_t n, const std::function<void()>& step);
  void runNow(const std::function<void()>& step);
  /** Keeps the host from queueing step after step without end: waits for the steps long before this one. */
  void holdBack();
  /** Makes the device's cursor go on behind row `next` and optimizer step `step`, unless it does already. */
  void moveCursor(uint32_t next, int64_t step);
  /** What the device does to its cursor in a step. */
  void cursorAdvanced(size_t n, Mode mode);

  /** Makes sure of memory and algorithms for batches of `n`. */
  void prepare(Mode mode, size_t n);
  void placeWorkspace(Mode mode, size_t n);
  void placeValues(size_t n);
  void placeGradients(size_t n);
  /** Before memory moves: recordings hold its addresses. */
  void forgetRecordings();

  /** Between the engine's order and that of `count` floats on the device. */
  void read(const float* from, size_t count, const std::vector<uint32_t>& places, std::span<float> to);
  void write(std::span<const float> from, const std::vector<uint32_t>& places, float* to, size_t count);

  /** The engine's, and the same as it lies on the device. */
  const Plan plan_, placed_;
  const Adam adam_;
  const std::shared_ptr<Device> device_;
  OwnedLane lane_;

  DeviceMemory stateMemory_, valueMemory_, gradientMemory_, rowMemory_;
  size_t valueCapacity_ = 0, gradientCapacity_ = 0;
  DeviceTotals* totals_ = nullptr;
  float* probabilities_ = nullptr;
  Context context_;
  Images input_{*this};
  CrossEntropyLoss loss_{*this};
  Node inputNode_;
  std::vector<std::unique_ptr<Block>> blocks_;
  const Node* outputs_ = nullptr;

  /** What the device's cursor holds, if `cursorKnown_`. */
  Cursor cursor_;
  bool cursorKnown_ = false;
  /** Where the next step begins, and the optimizer step that it belongs to. */
  uint32_t next_ = 0;
  int64_t step_ = 1;
  /** Within `run`, where the device moves the cursor itself. */
  std::optional<Mode> running_;
  /** A step has failed. */
  bool failed_ = false;

  /** A kind of step: how it runs and of how many images. */
  using Kind = std::pair<Mode, size_t>;
  std::set<Kind> prepared_;
  /** Empty until the second step of the kind. */
  std::map<Kind, GraphExec> recordings_;
  /** Recordings in a row that others have broken. */
  int broken_ = 0;

  /** Of the last steps whose number is a multiple of kStride, in turn. */
  static constexpr size_t kStride = 16;
  std::array<Event, 2> marks_{makeEvent(), makeEvent()};
  size_t sinceMark_ = 0;

  /** Copies of the totals: the last one waited for, and one that is on its way while `progress` does not
   * wait. */
  struct Copies {
    DeviceTotals waited, underway;
  };
  static_assert(sizeof(Copies) <= Lane::kPinned);
  bool underway_ = false;
  Totals known_;
};

}  // namespace convsweep::cuda
