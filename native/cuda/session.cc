#include "cuda/session.h"

#include <algorithm>

#include "backend/error.h"
#include "cuda/check.h"
#include "cuda/descriptors.h"
#include "cuda/kernels.h"
#include "cuda/layout.h"

namespace convsweep::cuda {
namespace {

Totals fromDevice(const DeviceTotals& totals) {
  return {totals.loss, totals.correct, totals.images};
}

/** So many broken recordings in a row are no accident. */
constexpr int kMostBroken = 8;

/** More than this in one batch and an index would not fit the kernels' 32 bits. */
constexpr size_t kMostValues = size_t{1} << 31;

}  // namespace

CudaSession::CudaSession(std::shared_ptr<Device> device, const Plan& plan, const Adam& adam,
                         const SessionOptions& options)
    : plan_(plan),
      placed_(aligned(plan)),
      adam_(adam),
      device_(std::move(device)),
      lane_(device_->takeLane()),
      context_{*lane_, {}, nullptr, options.seed, options.precision == Precision::Tf32, {}} {
  CUBLAS(cublasSetMathMode, lane_->cublas(),
         context_.tf32 ? CUBLAS_TF32_TENSOR_OP_MATH : CUBLAS_DEFAULT_MATH);
  const auto place = [&](Arena memory) {
    for (float** flat :
         {&context_.state.parameters, &context_.state.gradients, &context_.state.m, &context_.state.v}) {
      *flat = memory.take<float>(placed_.parameterCount);
    }
    context_.state.statistics = memory.take<float>(placed_.statisticCount);
    context_.cursor = memory.take<Cursor>(1);
    totals_ = memory.take<DeviceTotals>(1);
    return memory.used();
  };
  stateMemory_ = device_->memory(place(Arena()), "the state of a network");
  place(Arena(stateMemory_.as()));
  CUDART(cudaMemsetAsync, stateMemory_.as(), 0, stateMemory_.bytes(), stream());

  const std::vector<Order> orders = ordersOf(plan);
  inputNode_.order = orders.front();
  const Node* last = &inputNode_;
  for (size_t i = 0; i < plan.blocks.size(); ++i) {
    auto made = makeBlock(context_, *last, placed_.blocks[i], orders[i + 1]);
    if (i > 0) made->follow(block(i - 1));
    last = &made->output();
    blocks_.push_back(std::move(made));
  }
  outputs_ = last;
}

CudaSession::~CudaSession() {
  cudaSetDevice(device_->ordinal());
  // A lane that work failed on is not used again; if memory ran out, it is wanted back.
  const bool sound = cudaStreamSynchronize(stream()) == cudaSuccess && !failed_;
  const CaptureGate::Unsafe unsafe(device_->captureGate());
  recordings_.clear();
  blocks_.clear();
  if (sound) device_->giveBack(std::move(lane_));
}

// ---- A step ----------------------------------------------------------------------------------------------

void CudaSession::run(Mode mode, size_t n, const std::function<void()>& step) {
  device_->makeCurrent();
  try {
    prepare(mode, n);
    moveCursor(next_, mode == Mode::Training ? step_ - 1 : cursor_.step);
    running_ = mode;
    runOrReplay(mode, n, step);
    running_.reset();
    cursorAdvanced(n, mode);
    holdBack();
  } catch (...) {
    failed_ = true;
    running_.reset();
    cursorKnown_ = false;
    recordings_.erase({mode, n});
    // Nothing reads the caller's data any more when it learns of the failure.
    cudaStreamSynchronize(stream());
    throw;
  }
}

void CudaSession::runOrReplay(Mode mode, size_t n, const std::function<void()>& step) {
  const auto [found, isFirst] = recordings_.try_emplace({mode, n});
  if (isFirst) return runNow(step);
  GraphExec& recording = found->second;
  if (!recording) {
    {
      const CaptureGate::Capture alone(device_->captureGate());
      recording = capture(stream(), step);
    }
    if (!recording) {
      if (++broken_ == kMostBroken) {
        throw Error("NATIVE", "Steps cannot be recorded on the device: " + std::to_string(kMostBroken) +
                                  " recordings in a row were broken by other work of this process on it; " +
                                  "train in a process that uses the device for nothing else");
      }
      return runNow(step);
    }
    broken_ = 0;
    // The first launch uploads the recording, which may allocate.
    const CaptureGate::Unsafe unsafe(device_->captureGate());
    CUDART(cudaGraphLaunch, recording.get(), stream());
    return;
  }
  CUDART(cudaGraphLaunch, recording.get(), stream());
}

void CudaSession::runNow(const std::function<void()>& step) {
  const CaptureGate::Unsafe unsafe(device_->captureGate());
  step();
}

void CudaSession::holdBack() {
  if (++sinceMark_ < kStride) return;
  sinceMark_ = 0;
  CUDART(cudaEventSynchronize, marks_[0].get());
  CUDART(cudaEventRecord, marks_[0].get(), stream());
  std::swap(marks_[0], marks_[1]);
}

void CudaSession::loadImages(size_t first, size_t n) {
  const auto count = static_cast<uint32_t>(n);
  if (running_) {
    require(first == next_, "a step takes the rows behind the last one's");
    advance(stream(), context_.cursor, count, *running_ == Mode::Training, adam_);
  } else {
    device_->makeCurrent();
    prepare(Mode::Inference, n);
    moveCursor(static_cast<uint32_t>(first), step_ - 1);
    advance(stream(), context_.cursor, count, true, adam_);
    cursorAdvanced(n, Mode::Training);
  }
  gather(stream(), context_.cursor, count, inputNode_.order, plan_.inputScale, plan_.inputOffset,
         inputNode_.values);
}

void CudaSession::addLoss(size_t n, Mode mode) {
  const bool training = mode == Mode::Training;
  if (!running_) prepare(mode, n);
  cuda::loss(stream(), context_.cursor, outputs_->values, static_cast<uint32_t>(n), outputs_->order,
             training ? outputs_->gradient : nullptr, totals_);
}

void CudaSession::adam() {
  const State& state = context_.state;
  cuda::adam(stream(), context_.cursor, adam_, static_cast<uint32_t>(placed_.parameterCount), state.gradients,
             state.parameters, state.m, state.v);
}

// ---- The cursor ------------------------------------------------------------------------------------------

void CudaSession::bind(const DeviceDataset& dataset, std::span<const uint32_t> rows) {
  device_->makeCurrent();
  const auto& data = static_cast<const CudaDataset&>(dataset);
  require(&data.device() == device_.get(), "a network and its data are on one device");
  if (rows.size_bytes() > rowMemory_.bytes()) {
    wait();
    rowMemory_ = DeviceMemory();
    rowMemory_ = device_->memory(rows.size_bytes(), "the order of the images");
  }
  CUDART(cudaMemcpyAsync, rowMemory_.as(), rows.data(), rows.size_bytes(), cudaMemcpyHostToDevice, stream());
  cursor_.images = data.images();
  cursor_.labels = data.labels();
  cursor_.rows = rowMemory_.as<uint32_t>();
  cursorKnown_ = false;
  next_ = 0;
}

void CudaSession::moveCursor(uint32_t next, int64_t step) {
  if (cursorKnown_ && cursor_.next == next && cursor_.step == step) return;
  cursor_.next = next;
  cursor_.step = step;
  cuda::place(stream(), cursor_, context_.cursor);
  cursorKnown_ = true;
}

void CudaSession::cursorAdvanced(size_t n, Mode mode) {
  cursor_.next += static_cast<uint32_t>(n);
  if (mode == Mode::Training) ++cursor_.step;
  next_ = cursor_.next;
}

// ---- Memory ----------------------------------------------------------------------------------------------

void CudaSession::prepare(Mode mode, size_t n) {
  const Kind kind{mode, n};
  if (prepared_.count(kind)) return;
  const CaptureGate::Unsafe unsafe(device_->captureGate());
  if (n > valueCapacity_) placeValues(n);
  if (mode == Mode::Training && n > gradientCapacity_) placeGradients(n);
  bool works = false;
  while (!works) {
    placeWorkspace(mode, n);
    works = true;
    for (size_t i = 0; i < blocks_.size(); ++i) works &= block(i).tryOut(n, mode);
  }
  prepared_.insert(kind);
}

void CudaSession::placeWorkspace(Mode mode, size_t n) {
  size_t workspace = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) workspace = std::max(workspace, block(i).prepare(n, mode));
  if (workspace <= context_.workspace.bytes()) return;
  forgetRecordings();
  context_.workspace = DeviceMemory();
  context_.workspace = device_->memory(workspace, "cuDNN's workspace");
}

void CudaSession::placeValues(size_t n) {
  size_t scratch = 0;
  for (size_t i = 0; i < blocks_.size(); ++i) scratch = std::max(scratch, block(i).scratch(n));
  const auto place = [&](Arena memory) {
    inputNode_.values = memory.take<float>(n * inputNode_.order.size());
    for (size_t i = 0; i < blocks_.size(); ++i) block(i).place(memory, n);
    context_.scratch = memory.take<float>(scratch);
    probabilities_ = memory.take<float>(n * plan_.outputSize);
    return memory.used();
  };
  // Before the dry run, which leaves the blocks without memory.
  forgetRecordings();
  valueCapacity_ = 0;
  const size_t bytes = place(Arena());
  if (bytes / sizeof(float) >= kMostValues) {
    throw Error("OUT_OF_MEMORY",
                "Batches of " + std::to_string(n) + " images are too large; use smaller ones");
  }
  valueMemory_ = DeviceMemory();
  valueMemory_ = device_->memory(bytes, "the values of " + std::to_string(n) + " images");
  place(Arena(valueMemory_.as()));
  valueCapacity_ = n;
}

void CudaSession::placeGradients(size_t n) {
  size_t largest = inputNode_.order.size();
  for (size_t i = 0; i < blocks_.size(); ++i)
    largest = std::max<size_t>(largest, block(i).output().order.size());
  forgetRecordings();
  gradientCapacity_ = 0;
  gradientMemory_ = DeviceMemory();
  // A block reads one and writes the other.
  float* both[2];
  const auto place = [&](Arena memory) {
    for (float*& gradient : both) gradient = memory.take<float>(n * largest);
    return memory.used();
  };
  gradientMemory_ = device_->memory(place(Arena()), "the gradients of " + std::to_string(n) + " images");
  place(Arena(gradientMemory_.as()));
  inputNode_.gradient = both[0];
  for (size_t i = 0; i < blocks_.size(); ++i) block(i).setGradient(both[(i + 1) % 2]);
  gradientCapacity_ = n;
}

void CudaSession::releaseMemory() {
  const CaptureGate::Unsafe unsafe(device_->captureGate());
  // Memory that the device still uses cannot go back.
  if (cudaSetDevice(device_->ordinal()) != cudaSuccess || cudaStreamSynchronize(stream()) != cudaSuccess)
    return;
  recordings_.clear();
  prepared_.clear();
  valueCapacity_ = gradientCapacity_ = 0;
  for (DeviceMemory* memory : {&valueMemory_, &gradientMemory_, &context_.workspace, &rowMemory_}) {
    *memory = DeviceMemory();
  }
}

void CudaSession::forgetRecordings() {
  wait();
  recordings_.clear();
  prepared_.clear();
}

// ---- What the host reads and writes ----------------------------------------------------------------------

void CudaSession::wait() const {
  CUDART(cudaStreamSynchronize, stream());
}

void CudaSession::resetTotals() {
  device_->makeCurrent();
  CUDART(cudaMemsetAsync, totals_, 0, sizeof(DeviceTotals), stream());
  underway_ = false;  // a copy that an aborted call left
  known_ = {};
}

Totals CudaSession::totals() {
  device_->makeCurrent();
  DeviceTotals& copy = lane_->pinned().as<Copies>()->waited;
  CUDART(cudaMemcpyAsync, &copy, totals_, sizeof copy, cudaMemcpyDeviceToHost, stream());
  wait();
  underway_ = false;
  return known_ = fromDevice(copy);
}

Totals CudaSession::progress() {
  device_->makeCurrent();
  DeviceTotals& copy = lane_->pinned().as<Copies>()->underway;
  if (underway_) {
    const cudaError_t status = cudaEventQuery(lane_->event());
    if (status == cudaErrorNotReady) return known_;
    check(status, {"cudaEventQuery", __FILE__, __LINE__});
    known_ = fromDevice(copy);
  }
  CUDART(cudaMemcpyAsync, &copy, totals_, sizeof copy, cudaMemcpyDeviceToHost, stream());
  CUDART(cudaEventRecord, lane_->event(), stream());
  underway_ = true;
  return known_;
}

void CudaSession::readOutputs(size_t n, float* out) {
  device_->makeCurrent();
  const Order order = outputs_->order;
  const float* values = outputs_->values;
  if (plan_.softmax) {
    const float one = 1, zero = 0;
    const TensorDescriptor logits(n, plan_.outputSize, 1, 1);
    CUDNN(cudnnSoftmaxForward, lane_->cudnn(), CUDNN_SOFTMAX_ACCURATE, CUDNN_SOFTMAX_MODE_CHANNEL, &one,
          logits.get(), values, &zero, logits.get(), probabilities_);
    values = probabilities_;
  }
  std::vector<uint32_t> places(n * plan_.outputSize);
  for (uint32_t i = 0; i < places.size(); ++i) {
    places[i] = i / order.size() * order.size() + order.fromKeras(i % order.size());
  }
  read(values, places.size(), places, {out, places.size()});
}

void CudaSession::readGradients(float* out) {
  device_->makeCurrent();
  read(context_.state.gradients, placed_.parameterCount, parameterPlaces(plan_), {out, plan_.parameterCount});
}

void CudaSession::readState(StateView to) {
  device_->makeCurrent();
  const State& state = context_.state;
  // Made anew each time: of a wide network they are as large as its parameters.
  const auto places = parameterPlaces(plan_);
  read(state.parameters, placed_.parameterCount, places, to.parameters);
  read(state.statistics, placed_.statisticCount, statisticPlaces(plan_), to.statistics);
  read(state.m, placed_.parameterCount, places, to.m);
  read(state.v, placed_.parameterCount, places, to.v);
}

void CudaSession::writeState(StateView from) {
  device_->makeCurrent();
  const State& state = context_.state;
  const auto places = parameterPlaces(plan_);
  write(from.parameters, places, state.parameters, placed_.parameterCount);
  write(from.statistics, statisticPlaces(plan_), state.statistics, placed_.statisticCount);
  write(from.m, places, state.m, placed_.parameterCount);
  write(from.v, places, state.v, placed_.parameterCount);
}

void CudaSession::read(const float* from, size_t count, const std::vector<uint32_t>& places,
                       std::span<float> to) {
  if (to.empty()) return;
  require(to.size() == places.size(), "state arrays match the network");
  std::vector<float> values(count);
  CUDART(cudaMemcpyAsync, values.data(), from, count * sizeof(float), cudaMemcpyDeviceToHost, stream());
  wait();
  for (size_t i = 0; i < to.size(); ++i) to[i] = values[places[i]];
}

void CudaSession::write(std::span<const float> from, const std::vector<uint32_t>& places, float* to,
                        size_t count) {
  if (from.empty()) return;
  require(from.size() == places.size(), "state arrays match the network");
  std::vector<float> values(count);
  for (size_t i = 0; i < from.size(); ++i) values[places[i]] = from[i];
  CUDART(cudaMemcpyAsync, to, values.data(), count * sizeof(float), cudaMemcpyHostToDevice, stream());
  wait();
}

}  // namespace convsweep::cuda
