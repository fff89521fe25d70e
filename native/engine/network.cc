#include "engine/network.h"

#include <algorithm>

#include "backend/error.h"
#include "engine/check.h"
#include "engine/make_plan.h"

namespace convsweep {

Network::Network(int device, const std::vector<Layer>& layers, const Adam& adam,
                 const SessionOptions& options)
    : plan_(makePlan(layers)) {
  checkAdam(adam);
  const Growth growth(bytes_);
  session_ = backend::createSession(device, plan_, adam, options);
}

void Network::trainStep(size_t first, size_t n) {
  session_->beginStep(iterations_ + 1);
  session_->run(Mode::Training, n, [&] {
    forward(first, n, Mode::Training);
    session_->loss().forward(n, Mode::Training);
    backward(n);
    session_->adam();
  });
  ++iterations_;
}

void Network::forward(size_t first, size_t n, Mode mode) {
  session_->input().load(first, n);
  for (const auto& block : session_->blocks()) block->forward(n, mode);
}

void Network::backward(size_t n) {
  const auto blocks = session_->blocks();
  for (size_t i = blocks.size(); i-- > 0;) blocks[i]->backward(n);
}

void Network::stopIfAborted(const Control& control) {
  if (!control.abort.load(std::memory_order_relaxed)) return;
  session_->totals();  // what is under way still reads the caller's data
  throw Error("ABORTED", "The call was aborted");
}

void Network::report(Control& control) {
  const Totals totals = session_->progress();
  if (totals.images == 0) return;
  control.images = totals.images;
  control.loss = totals.loss / static_cast<double>(totals.images);
  control.accuracy = static_cast<double>(totals.correct) / static_cast<double>(totals.images);
}

Metrics Network::metrics() {
  const Totals totals = session_->totals();
  const double images = static_cast<double>(totals.images);
  return {totals.loss / images, static_cast<double>(totals.correct) / images};
}

Metrics Network::trainEpoch(const DeviceDataset& dataset, std::span<const uint32_t> rows,
                            std::span<const uint32_t> batchSizes, Control& control) {
  require(plan_.softmax, "training needs a final softmax");
  const Growth growth(bytes_);
  session_->shareWith(control.team);
  session_->bind(dataset, rows);
  session_->resetTotals();
  size_t first = 0;
  for (const uint32_t n : batchSizes) {
    stopIfAborted(control);
    trainStep(first, n);
    first += n;
    report(control);
  }
  return metrics();
}

Metrics Network::evaluate(const DeviceDataset& dataset, std::span<const uint32_t> rows, size_t batchSize,
                          Control& control) {
  require(plan_.softmax, "evaluation needs a final softmax");
  const Growth growth(bytes_);
  session_->shareWith(control.team);
  session_->bind(dataset, rows);
  session_->resetTotals();
  for (size_t first = 0; first < rows.size(); first += batchSize) {
    stopIfAborted(control);
    const size_t n = std::min(batchSize, rows.size() - first);
    session_->run(Mode::Inference, n, [&] {
      forward(first, n, Mode::Inference);
      session_->loss().forward(n, Mode::Inference);
    });
    report(control);
  }
  return metrics();
}

void Network::predict(const DeviceDataset& dataset, std::span<const uint32_t> rows, size_t batchSize,
                      bool training, float* out, Control& control) {
  const Growth growth(bytes_);
  session_->shareWith(control.team);
  session_->bind(dataset, rows);
  session_->beginStep(iterations_ + 1);
  if (training) batchSize = rows.size();
  for (size_t first = 0; first < rows.size(); first += batchSize) {
    stopIfAborted(control);
    const size_t n = std::min(batchSize, rows.size() - first);
    forward(first, n, training ? Mode::Training : Mode::Inference);
    session_->readOutputs(n, out + first * plan_.outputSize);
    control.images += n;
  }
}

void Network::releaseMemory() {
  const Growth growth(bytes_);
  session_->releaseMemory();
}

double Network::gradients(const DeviceDataset& dataset, std::span<const uint32_t> rows, float* out) {
  require(plan_.softmax, "gradients need a final softmax");
  const Growth growth(bytes_);
  session_->shareWith(nullptr);
  std::vector<float> statistics(plan_.statisticCount);
  StateView kept;
  kept.statistics = statistics;
  session_->readState(kept);
  session_->bind(dataset, rows);
  session_->resetTotals();
  session_->beginStep(iterations_ + 1);
  forward(0, rows.size(), Mode::Training);
  session_->loss().forward(rows.size(), Mode::Training);
  backward(rows.size());
  session_->readGradients(out);
  session_->writeState(kept);
  return metrics().loss;
}

}  // namespace convsweep
