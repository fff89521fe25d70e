#include "cpu/stem/stem.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace convsweep::cpu {
namespace {

const Node kNothing;

bool isPlain(const Window& w, int size, int stride) {
  return w.height == size && w.width == size && w.strideY == stride && w.strideX == stride && w.padTop == 0 &&
         w.padLeft == 0;
}

/** 3x3 without padding, ReLU, then 2x2 pooling that drops an odd last row or column. */
bool isStemConv(const ConvSpec& conv) {
  constexpr int kMaxFilters = 64;
  return isPlain(conv.window, 3, 1) && conv.out.height == conv.in.height - 2 &&
         conv.out.width == conv.in.width - 2 && conv.relu && conv.out.channels <= kMaxFilters && conv.pool &&
         isPlain(conv.pool->window, 2, 2) && conv.pool->out.height == conv.out.height / 2 &&
         conv.pool->out.width == conv.out.width / 2;
}

StemShape shapeOf(const StemSpec& spec) {
  const auto size = [](int extent) { return static_cast<size_t>(extent); };
  const Extent in = spec.first.in, map1 = spec.first.pool->out, map2 = spec.second.pool->out;
  const auto planes = [&](int filters) { return (size(filters) + kGroup - 1) / kGroup; };
  return {size(in.height),       size(in.width),       size(map1.height),   size(map1.width),
          size(map2.height),     size(map2.width),     size(map1.channels), size(map2.channels),
          planes(map1.channels), planes(map2.channels)};
}

/** max(x, 0); NaN stays NaN. */
float clipped(double x) {
  return x < 0 ? 0.0f : static_cast<float>(x);
}

TileKind kindOf(size_t index) {
  return {index / 2 == 1, index % 2 == 1};
}

void clear(Buffer<float>& buffer) {
  buffer.zero(buffer.capacity());
}

void addTo(double* totals, const float* sums, size_t size) {
  for (size_t i = 0; i < size; ++i) totals[i] += static_cast<double>(sums[i]);
}

/** Adds the parts' sums, in their order. */
void addParts(std::vector<double>& totals, const float* sums, size_t parts, size_t stride) {
  std::fill(totals.begin(), totals.end(), 0.0);
  for (size_t part = 0; part < parts; ++part) addTo(totals.data(), sums + part * stride, totals.size());
}

/** Adds the parts' sums to those of the first. */
void addParts(Buffer<float>& sums, size_t parts, size_t size) {
  for (size_t part = 1; part < parts; ++part) {
    for (size_t i = 0; i < size; ++i) sums.data()[i] += sums.data()[part * size + i];
  }
}

}  // namespace

std::optional<StemSpec> stemOf(const Plan& plan) {
  if (plan.blocks.size() < StemSpec::kBlocks) return std::nullopt;
  const auto* first = std::get_if<ConvSpec>(&plan.blocks[0]);
  const auto* firstNorm = std::get_if<NormSpec>(&plan.blocks[1]);
  const auto* second = std::get_if<ConvSpec>(&plan.blocks[2]);
  const auto* secondNorm = std::get_if<NormSpec>(&plan.blocks[3]);
  if (!first || !firstNorm || !second || !secondNorm) return std::nullopt;
  const int widest = static_cast<int>(kMaxWidth);
  if (!isStemConv(*first) || !isStemConv(*second) || first->in.channels != 1 || first->in.height > widest ||
      first->in.width > widest || firstNorm->channels != static_cast<size_t>(first->out.channels) ||
      secondNorm->channels != static_cast<size_t>(second->out.channels)) {
    return std::nullopt;
  }
  return StemSpec{*first, *firstNorm, *second, *secondNorm, plan.inputScale, plan.inputOffset};
}

ConvStem::Norm::Norm(const NormSpec& s, size_t planes)
    : spec(s), channels(planes * kGroup), coefficients(3 * channels) {
  for (Buffer<float>* buffer : {&mean, &inverseDeviation, &scale, &shift}) {
    buffer->ensure(channels);
    clear(*buffer);
  }
  clear(coefficients);
}

ConvStem::ConvStem(const Context& context, const Binding& binding, const StemSpec& spec)
    : CpuBlock(context, kNothing, spec.second.pool->out.size()),
      binding_(binding),
      spec_(spec),
      shape_(shapeOf(spec)),
      norm1_(spec.firstNorm, shape_.planes1),
      norm2_(spec.secondNorm, shape_.planes2) {
  const size_t c1 = norm1_.channels, c2 = norm2_.channels;
  for (auto [buffer, size] : {std::pair{&weights1_, 12 * c1},
                              {&bias1_, c1},
                              {&blank1_, c1},
                              {&kernel2_, kTaps * shape_.filters1 * c2},
                              {&bias2_, c2},
                              {&blank2_, c2},
                              {&weights2_, c1 * shape_.filters2 * kTaps}}) {
    buffer->ensure(size);
    clear(*buffer);
  }
  for (size_t kind = 0; kind < TileKind::kCount; ++kind) {
    transformed2_[kind].ensure(kindOf(kind).products() * shape_.filters1 * c2);
    clear(transformed2_[kind]);
  }
  for (size_t y = 0; y < shape_.height1; ++y) {
    for (size_t x = 0; x < shape_.width1; ++x) positions1_.push_back(static_cast<uint16_t>(y << 8 | x));
  }
  statistics1_.resize(2 * c1);
  statistics2_.resize(2 * c2);
  normSums2_.resize(2 * c2);
  biasSums1_.resize(2 * c1);
  firstGradientSums_.resize(c1);
  biasSums2_.resize(c2);
}

ConvStem::Worker::Worker(const StemKernels& kernels, const StemShape& s) {
  const size_t c1 = s.planes1 * kGroup, c2 = s.planes2 * kGroup;
  pixels.ensure(s.height * s.width + 64);
  pixels.zero(pixels.capacity());
  for (auto [buffer, size] : {std::pair{&rows, s.height * 4 * kRowStride},
                              {&products, TileKind{true, true}.products() * kernels.tiles * c2},
                              {&gradient1, s.map1()},
                              {&quads, (s.height - 1) * (s.width - 1) * 4 + kSlack},
                              {&listScratch, s.listScratch()},
                              {&factors, s.map2() + kGroup},
                              {&normalised, s.map2() + kGroup},
                              {&sums, 2 * c2}}) {
    buffer->ensure(size);
    clear(*buffer);
  }
  offsets.ensure(s.map2() + kGroup);
  reach.ensure(4 * s.positions2());
  begins.ensure(std::max(4 * s.positions2(), s.filters2) + 1);
  for (TileQueue& queue : queues) {
    queue.kind = kindOf(static_cast<size_t>(&queue - queues.data()));
    queue.batch.ensure(queue.kind.products() * kernels.tiles * c1);
    clear(queue.batch);
    queue.targets.resize(kernels.tiles);
  }
}

// ---- Ink --------------------------------------------------------------------------------------------------

namespace {

/** Bits 0, 2, 4, ... side by side. */
uint64_t everySecond(uint64_t x) {
  x &= 0x5555555555555555;
  x = (x | x >> 1) & 0x3333333333333333;
  x = (x | x >> 2) & 0x0f0f0f0f0f0f0f0f;
  x = (x | x >> 4) & 0x00ff00ff00ff00ff;
  x = (x | x >> 8) & 0x0000ffff0000ffff;
  return (x | x >> 16) & 0x00000000ffffffff;
}

/**
 * Of a row of windows, each 2 pixels right of the one before, a bit for each with a bit in any of its
 * columns.
 */
uint64_t inkedWindows(uint64_t columns, size_t width, size_t size) {
  uint64_t windows = columns;
  for (size_t i = 1; i < size; ++i) windows |= columns >> i;
  return everySecond(windows) & ((uint64_t{1} << width) - 1);
}

}  // namespace

/** The first map of an image, then its winners. */
size_t ConvStem::slotBytes() const {
  return (shape_.map1() * (sizeof(float) + 1) + 63) / 64 * 64;
}

float* ConvStem::values1(size_t slot) {
  return reinterpret_cast<float*>(first_.data() + slot * slotBytes());
}

uint8_t* ConvStem::winners1(size_t slot) {
  return first_.data() + slot * slotBytes() + shape_.map1() * sizeof(float);
}

Ahead ConvStem::kept(size_t slot) const {
  return slot < slots_ ? Ahead{first_.data() + slot * slotBytes(), slotBytes()} : Ahead{};
}

Ahead ConvStem::keptValues(size_t slot) const {
  const Ahead all = kept(slot);
  return {all.data, std::min(all.bytes, shape_.map1() * sizeof(float))};
}

/** Layout: the count, the first map's inked positions, a row of bits for each row of the second map. */
uint16_t* ConvStem::inkAt(size_t image) {
  return ink_.data() + image * (1 + shape_.positions1() + shape_.height2);
}

Ink ConvStem::inkOf(size_t image) {
  const uint16_t* const at = inkAt(image);
  return {at + 1, at[0]};
}

uint16_t* ConvStem::inkedRows2(size_t image) {
  static_assert((kMaxWidth - 10) / 4 + 1 <= 16, "a row of the second map has a bit for each position");
  return inkAt(image) + 1 + shape_.positions1();
}

void ConvStem::findInk(const uint8_t* pixels, size_t image, size_t slot) {
  uint64_t rows[kMaxWidth];
  stem().inkRows(shape_, pixels, rows);
  const auto anyOf = [&](size_t y, size_t size) {
    uint64_t any = 0;
    for (size_t i = 0; i < size; ++i) any |= rows[y + i];
    return any;
  };
  // All rows of the first map end to end: few loops over few words are easier to predict than one per row.
  uint64_t inked[kMaxWidth * kMaxWidth / 4 / 64 + 1] = {};
  for (size_t y = 0; y < shape_.height1; ++y) {
    const uint64_t row = inkedWindows(anyOf(2 * y, 4), shape_.width1, 4);
    const size_t at = y * shape_.width1;
    inked[at / 64] |= row << at % 64;
    inked[at / 64 + 1] |= row >> 1 >> (63 - at % 64);
  }
  uint16_t* const positions = inkAt(image) + 1;
  size_t count = 0;
  for (size_t word = 0; word < drawnWords(); ++word) {
    for (uint64_t left = inked[word]; left != 0; left &= left - 1)
      positions[count++] = positions1_[64 * word + static_cast<size_t>(std::countr_zero(left))];
    uint64_t& drawn = this->drawn(slot)[word];
    erase(slot, 64 * word, drawn & ~inked[word]);
    drawn = inked[word];
  }
  *inkAt(image) = static_cast<uint16_t>(count);
  // Windows of the second map are 4 pixels apart.
  for (size_t y = 0; y < shape_.height2; ++y) {
    const uint64_t row = inkedWindows(anyOf(4 * y, 10), 2 * shape_.width2, 10);
    inkedRows2(image)[y] = static_cast<uint16_t>(everySecond(row));
  }
}

/** Makes positions of the first map blank: those from `first` on that have a bit. */
void ConvStem::erase(size_t slot, size_t first, uint64_t stale) {
  for (; stale != 0; stale &= stale - 1) {
    const size_t at = (first + static_cast<size_t>(std::countr_zero(stale))) * kGroup;
    for (size_t plane = 0; plane < shape_.planes1; ++plane)
      std::fill_n(values1(slot) + plane * shape_.positions1() * kGroup + at, kGroup, 0.0f);
  }
}

/** Of an image that a training forward has left in its slot. */
void ConvStem::findReach(size_t slot, int32_t* reach) {
  const auto row = [&](size_t y) {
    const size_t at = y * shape_.width1;
    const uint64_t* const words = drawn(slot) + at / 64;
    return words[0] >> at % 64 | words[1] << 1 << (63 - at % 64);
  };
  for (size_t y = 0; y < 2 * shape_.height2; ++y) {
    const uint64_t any = row(y) | row(y + 1) | row(y + 2);
    uint64_t patches = any | any >> 1 | any >> 2;
    int32_t* to = reach + y / 2 * shape_.width2 * 4 + y % 2 * 2;
    for (size_t x = 0; x < shape_.width2; ++x, patches >>= 2, to += 4) {
      to[0] = -static_cast<int32_t>(patches & 1);
      to[1] = -static_cast<int32_t>(patches >> 1 & 1);
    }
  }
}

void ConvStem::takePixels(Worker& worker, size_t image, size_t n) {
  const size_t size = shape_.height * shape_.width;
  std::memcpy(worker.pixels.data(), binding_.image(image), size);
  if (image + 1 == n) return;
  // Rows of a shuffled dataset come from anywhere.
  Prefetch({binding_.image(image + 1), size}, 1).step();
}

// ---- Weights ----------------------------------------------------------------------------------------------

void ConvStem::packFirst() {
  const size_t filters = shape_.filters1;
  const float* const kernel = parameters(spec_.first.parameters.first);
  const float* const bias = spec_.first.bias ? parameters(spec_.first.parameters.second) : nullptr;
  for (size_t f = 0; f < filters; ++f) {
    float* const to = weights1_.data() + f / kGroup * 12 * kGroup + f % kGroup;
    double sum = 0;
    for (size_t ky = 0; ky < 3; ++ky) {
      const float* const row = kernel + ky * 3 * filters + f;
      const float left = row[0], middle = row[filters], right = row[2 * filters];
      sum += static_cast<double>(left) + middle + right;
      to[(ky * 4 + 0) * kGroup] = spec_.scale * left;
      to[(ky * 4 + 1) * kGroup] = spec_.scale * ((left + right + middle) / 2);
      to[(ky * 4 + 2) * kGroup] = spec_.scale * ((left + right - middle) / 2);
      to[(ky * 4 + 3) * kGroup] = spec_.scale * right;
    }
    const double shifted = (bias ? bias[f] : 0) + spec_.offset * sum;
    bias1_.data()[f] = static_cast<float>(shifted);
    blank1_.data()[f] = clipped(shifted);
  }
}

void ConvStem::packSecond() {
  const size_t filters1 = shape_.filters1, filters2 = shape_.filters2;
  const float* const kernel = parameters(spec_.second.parameters.first);
  const float* const bias = spec_.second.bias ? parameters(spec_.second.parameters.second) : nullptr;
  std::vector<double> shifted(filters2);
  for (size_t f = 0; f < filters2; ++f) shifted[f] = bias ? bias[f] : 0;
  for (size_t c = 0; c < filters1; ++c) {
    const float scale = norm1_.scale.data()[c];
    // Of the batch norm's input without what a blank position has.
    const double shift = norm1_.shift.data()[c] + static_cast<double>(scale) * blank1_.data()[c];
    float* const raw = weights2_.data() + c / kGroup * filters2 * kTaps * kGroup + c % kGroup;
    for (size_t t = 0; t < kTaps; ++t) {
      const float* const row = kernel + (t * filters1 + c) * filters2;
      float* const folded = kernel2_.data() + (t * filters1 + c) * norm2_.channels;
      for (size_t f = 0; f < filters2; ++f) {
        folded[f] = scale * row[f];
        raw[(f * kTaps + t) * kGroup] = row[f];
        shifted[f] += row[f] * shift;
      }
    }
  }
  team().forEachPart(TileKind::kCount, 1, [&](size_t kind, size_t, size_t) {
    stem().secondKernel(shape_, kindOf(kind), kernel2_.data(), transformed2_[kind].data());
  });
  for (size_t f = 0; f < filters2; ++f) {
    bias2_.data()[f] = static_cast<float>(shifted[f]);
    blank2_.data()[f] = clipped(shifted[f]);
  }
}

// ---- Batch norm -------------------------------------------------------------------------------------------

void ConvStem::fold(Norm& norm, size_t c, double mean, double variance) const {
  const double inverse = 1 / std::sqrt(variance + norm.spec.epsilon);
  const double scale = parameters(norm.spec.parameters.first)[c] * inverse;
  norm.mean.data()[c] = static_cast<float>(mean);
  norm.inverseDeviation.data()[c] = static_cast<float>(inverse);
  norm.scale.data()[c] = static_cast<float>(scale);
  norm.shift.data()[c] = static_cast<float>(parameters(norm.spec.parameters.second)[c] - mean * scale);
}

void ConvStem::useMoving(Norm& norm) const {
  const float* const moving = context_.state.statistics.data() + norm.spec.statistics;
  for (size_t c = 0; c < norm.spec.channels; ++c) fold(norm, c, moving[c], moving[norm.spec.channels + c]);
}

void ConvStem::useBatch(Norm& norm, size_t n, const std::vector<double>& sums, const float* pivot) const {
  const size_t count = n * norm.spec.rows;
  float* const moving = context_.state.statistics.data() + norm.spec.statistics;
  const double correction = norm.spec.correction(count);
  for (size_t c = 0; c < norm.spec.channels; ++c) {
    const double shift = sums[c] / static_cast<double>(count);
    const double spread = sums[norm.channels + c] / static_cast<double>(count) - shift * shift;
    const double mean = pivot[c] + shift, variance = spread < 0 ? 0 : spread;
    fold(norm, c, mean, variance);
    float& movingVariance = moving[norm.spec.channels + c];
    moving[c] -= (moving[c] - static_cast<float>(mean)) * norm.spec.decay;
    movingVariance -= (movingVariance - static_cast<float>(variance * correction)) * norm.spec.decay;
  }
}

void ConvStem::normBackward(Norm& norm, size_t c, size_t n, double gradients, double products) const {
  const double count = static_cast<double>(n * norm.spec.rows);
  const double inverse = norm.inverseDeviation.data()[c];
  this->gradients(norm.spec.parameters.second)[c] = static_cast<float>(gradients);
  this->gradients(norm.spec.parameters.first)[c] = static_cast<float>(products * inverse);
  const double a = norm.scale.data()[c];
  const double b = -a * inverse * inverse * products / count;
  float* const coefficients = norm.coefficients.data();
  coefficients[c] = static_cast<float>(a);
  coefficients[norm.channels + c] = static_cast<float>(b);
  coefficients[2 * norm.channels + c] = static_cast<float>(-a * gradients / count - b * norm.mean.data()[c]);
}

// ---- Forward ----------------------------------------------------------------------------------------------

void ConvStem::forward(size_t n, Mode mode) {
  const bool training = mode == Mode::Training;
  float* const out = prepare(n, mode);
  const size_t workers = team().workers();
  while (workers_.size() < workers) workers_.push_back(std::make_unique<Worker>(stem(), shape_));
  slots_ = training ? n : workers;
  if (const size_t words = slots_ * drawnWords() + 1; drawn_.size() < words) {
    drawn_.clear();  // so that after a failure the next call asks for memory again
    first_.ensure(slots_ * slotBytes());
    first_.zero(slots_ * slotBytes());
    drawn_.assign(words, 0);
  }
  shardImages_ = shardImages(n);
  const size_t values2 = at2(shardsOf(n) * shardImages_);
  values2_.ensure(values2);
  ink_.ensure(n * (1 + shape_.positions1() + shape_.height2));
  packFirst();
  if (training) {
    winners2_.ensure(values2);
    imageSums_.ensure(n * imageSums());
    team().forEachShard(n, [&](const Shard& shard, size_t worker) {
      for (size_t i = shard.first; i < shard.last; ++i)
        forwardFirst(*workers_[worker], i, n, i, imageSums_.data() + i * imageSums());
    });
    addParts(statistics1_, imageSums_.data(), n, imageSums());
    useBatch(norm1_, n, statistics1_, blank1_.data());
    packSecond();
    const size_t size = statistics2_.size();
    shardStatistics2_.assign(shardsOf(n) * size, 0.0);
    team().forEachShard(n, [&](const Shard& shard, size_t worker) {
      double* const sums = shardStatistics2_.data() + shard.index * size;
      for (size_t i = shard.first; i < shard.last; ++i) forwardSecond(*workers_[worker], i, i, sums);
      endShard(*workers_[worker], shard, sums);
    });
    std::fill(statistics2_.begin(), statistics2_.end(), 0.0);
    for (size_t i = 0; i < shardStatistics2_.size(); ++i) statistics2_[i % size] += shardStatistics2_[i];
    useBatch(norm2_, n, statistics2_, blank2_.data());
    team().forEachShard(n,
                        [&](const Shard& shard, size_t worker) { normalise(*workers_[worker], shard, out); });
  } else {
    useMoving(norm1_);
    useMoving(norm2_);
    packSecond();
    team().forEachShard(n, [&](const Shard& shard, size_t worker) {
      for (size_t i = shard.first; i < shard.last; ++i) {
        forwardFirst(*workers_[worker], i, n, worker, nullptr);
        forwardSecond(*workers_[worker], i, worker, nullptr);
      }
      endShard(*workers_[worker], shard, nullptr);
      normalise(*workers_[worker], shard, out);
    });
  }
}

void ConvStem::normalise(Worker& worker, const Shard& shard, float* out) {
  for (size_t i = shard.first; i < shard.last; ++i) {
    // The kernel writes past the image's end, and past the shard's end another worker may be writing.
    const bool last = (shard.last - i - 1) * to_.size < kGroup;
    float* const to = out + i * to_.size;
    stem().secondNormalise(shape_, values2_.data() + at2(i), norm2_.scale.data(), norm2_.shift.data(),
                           last ? worker.normalised.data() : to);
    if (last) std::memcpy(to, worker.normalised.data(), to_.size * sizeof(float));
  }
}

void ConvStem::forwardFirst(Worker& worker, size_t image, size_t n, size_t slot, float* sums) {
  const bool training = sums != nullptr;
  takePixels(worker, image, n);
  findInk(worker.pixels.data(), image, slot);
  stem().firstRows(shape_, worker.pixels.data(), worker.rows.data());
  stem().firstForward(shape_, worker.rows.data(), inkOf(image), weights1_.data(), bias1_.data(),
                      blank1_.data(), training ? kept(slot + 1) : Ahead{}, values1(slot),
                      training ? winners1(slot) : nullptr, sums);
}

void ConvStem::forwardSecond(Worker& worker, size_t image, size_t slot, double* sums) {
  const bool training = sums != nullptr;
  const uint16_t* const inked = inkedRows2(image);
  Prefetch next(training ? keptValues(slot + 1) : Ahead{},
                (shape_.width2 + 1) / 2 * ((shape_.height2 + 1) / 2));
  for (size_t y = 0; y < shape_.height2; y += 2) {
    const bool tall = y + 1 < shape_.height2;
    for (size_t x = 0; x < shape_.width2; x += 2) {
      next.step();
      if (((inked[y] | (tall ? inked[y + 1] : 0)) >> x & 3) == 0) continue;
      TileQueue& queue = worker.queues[TileKind{tall, x + 1 < shape_.width2}.index()];
      stem().secondTile(shape_, queue.kind, values1(slot), y, x, queue.waiting, queue.batch.data());
      const size_t at = at2(image) + (y * shape_.width2 + x) * norm2_.channels;
      queue.targets[queue.waiting++] = {values2_.data() + at, training ? winners2_.data() + at : nullptr};
      if (queue.waiting == stem().tiles) flush(worker, queue, sums);
    }
  }
}

void ConvStem::flush(Worker& worker, TileQueue& queue, double* sums) {
  if (queue.waiting == 0) return;
  stem().secondMultiply(shape_, queue.kind, queue.batch.data(), transformed2_[queue.kind.index()].data(),
                        worker.products.data());
  stem().secondPool(shape_, queue.kind, worker.products.data(), queue.waiting, bias2_.data(), blank2_.data(),
                    queue.targets.data(), sums ? worker.sums.data() : nullptr);
  if (sums) addTo(sums, worker.sums.data(), statistics2_.size());
  queue.waiting = 0;
}

void ConvStem::endShard(Worker& worker, const Shard& shard, double* sums) {
  for (TileQueue& queue : worker.queues) flush(worker, queue, sums);
  // Not before the tiles, which may cover blank positions too.
  for (size_t i = shard.first; i < shard.last; ++i) fillBlanks(i, sums != nullptr);
}

void ConvStem::fillBlanks(size_t image, bool training) {
  const uint32_t all = (1u << shape_.width2) - 1;
  for (size_t y = 0; y < shape_.height2; ++y) {
    for (uint32_t left = all & ~uint32_t{inkedRows2(image)[y]}; left != 0; left &= left - 1) {
      const size_t x = static_cast<size_t>(std::countr_zero(left));
      const size_t at = at2(image) + (y * shape_.width2 + x) * norm2_.channels;
      std::memcpy(values2_.data() + at, blank2_.data(), norm2_.channels * sizeof(float));
      if (training) std::memset(winners2_.data() + at, 0, norm2_.channels);
    }
  }
}

// ---- Backward ---------------------------------------------------------------------------------------------

void ConvStem::backward(size_t n) {
  const size_t shards = shardsOf(n), size1 = kTaps * norm1_.channels;
  const size_t size2 = norm1_.channels * shape_.filters2 * kTaps;
  for (auto [sums, size] : {std::pair{&shardSums1_, size1}, {&shardSums2_, size2}})
    sums->ensure(shards * size);
  const auto sumsOf = [&](size_t image) { return imageSums_.data() + image * imageSums(); };

  team().forEachImage(n, [&](size_t i) {
    stem().secondNormSums(shape_, to_.gradient + i * to_.size, values2_.data() + at2(i), norm2_.mean.data(),
                          sumsOf(i));
  });
  addParts(normSums2_, imageSums_.data(), n, imageSums());
  for (size_t c = 0; c < shape_.filters2; ++c) {
    normBackward(norm2_, c, n, normSums2_[c], normSums2_[norm2_.channels + c]);
  }

  team().forEachShard(n, [&](const Shard& shard, size_t worker) {
    float* const sums = shardSums2_.data() + shard.index * size2;
    std::memset(sums, 0, size2 * sizeof(float));
    for (size_t i = shard.first; i < shard.last; ++i) backwardSecond(*workers_[worker], i, sumsOf(i), sums);
  });
  addParts(biasSums2_, imageSums_.data(), n, imageSums());
  addParts(shardSums2_, shards, size2);
  finishSecond(n);

  team().forEachShard(n, [&](const Shard& shard, size_t worker) {
    float* const sums = shardSums1_.data() + shard.index * size1;
    std::memset(sums, 0, size1 * sizeof(float));
    for (size_t i = shard.first; i < shard.last; ++i) backwardFirst(*workers_[worker], i, n, sumsOf(i), sums);
  });
  addParts(biasSums1_, imageSums_.data(), n, imageSums());
  addParts(shardSums1_, shards, size1);
  size_t inked = 0;
  for (size_t i = 0; i < n; ++i) inked += inkOf(i).count;
  finishFirst(n * shape_.positions1() - inked);
}

void ConvStem::backwardSecond(Worker& worker, size_t image, float* biasSums, float* weightSums) {
  float* const gradient2 = values2_.data() + at2(image);
  const uint8_t* const winners2 = winners2_.data() + at2(image);
  const Products list{worker.factors.data(), worker.offsets.data()};
  findReach(image, worker.reach.data());
  stem().secondGradient(shape_, to_.gradient + image * to_.size, norm2_.coefficients.data(), winners2,
                        worker.reach.data(), gradient2, biasSums);
  stem().listByFilter(shape_, gradient2, winners2, worker.listScratch.data(), list, worker.begins.data());
  stem().secondWeights(shape_, values1(image), list, worker.begins.data(), keptValues(image + 1), weightSums);
}

void ConvStem::backwardFirst(Worker& worker, size_t image, size_t n, float* biasSums, float* weightSums) {
  const Products list{worker.factors.data(), worker.offsets.data()};
  stem().listByPosition(shape_, values2_.data() + at2(image), winners2_.data() + at2(image), list,
                        worker.begins.data());
  stem().secondInput(shape_, weights2_.data(), list, worker.begins.data(), kept(image),
                     worker.gradient1.data());
  takePixels(worker, image, n);
  const Ink ink = inkOf(image);
  stem().firstQuads(shape_, worker.pixels.data(), ink, worker.quads.data());
  stem().firstWeights(shape_, worker.quads.data(), ink, worker.gradient1.data(), values1(image),
                      winners1(image), blank1_.data(), norm1_.coefficients.data(), weightSums, biasSums);
}

/**
 * The gradients of the second convolution and of the batch norm before it. With y = scale * x + shift that
 * norm's output and S the sums of gradient * x centred on the mean, the kernel's gradient is scale * S + beta
 * * (sum of gradients), and the sums that the norm's own gradient wants are those of kernel * S and kernel *
 * (sum of gradients), so that no pass over the gradient of the first map is needed.
 */
void ConvStem::finishSecond(size_t n) {
  const size_t filters1 = shape_.filters1, filters2 = shape_.filters2;
  const double* const all = biasSums2_.data();
  const float* const beta = parameters(norm1_.spec.parameters.second);
  float* const kernelGradient = gradients(spec_.second.parameters.first);
  for (size_t c = 0; c < filters1; ++c) {
    const double scale = norm1_.scale.data()[c];
    const double centre = static_cast<double>(norm1_.mean.data()[c]) - blank1_.data()[c];
    double sum = 0, products = 0;
    for (size_t f = 0; f < filters2; ++f) {
      const size_t at = (c / kGroup * filters2 + f) * kTaps * kGroup + c % kGroup;
      for (size_t t = 0; t < kTaps; ++t) {
        const double s = shardSums2_.data()[at + t * kGroup] - centre * all[f];
        const double w = weights2_.data()[at + t * kGroup];
        sum += w * all[f];
        products += w * s;
        kernelGradient[(t * filters1 + c) * filters2 + f] = static_cast<float>(scale * s + beta[c] * all[f]);
      }
    }
    firstGradientSums_[c] = sum;
    normBackward(norm1_, c, n, sum, products);
  }
  if (spec_.second.bias) {
    for (size_t f = 0; f < filters2; ++f)
      gradients(spec_.second.parameters.second)[f] = static_cast<float>(all[f]);
  }
}

/** Adds what blank positions contribute to the bias, then leaves the gradients of the first convolution. */
void ConvStem::finishFirst(size_t blanks) {
  const size_t filters = shape_.filters1, channels = norm1_.channels;
  const float* const coefficients = norm1_.coefficients.data();
  for (size_t f = 0; f < filters; ++f) {
    double bias = biasSums1_[f];
    const double value = blank1_.data()[f];
    if (value > 0) {
      const double incoming = firstGradientSums_[f] - biasSums1_[channels + f];
      bias += coefficients[f] * incoming + static_cast<double>(blanks) * (coefficients[channels + f] * value +
                                                                          coefficients[2 * channels + f]);
    }
    if (spec_.first.bias) gradients(spec_.first.parameters.second)[f] = static_cast<float>(bias);
    const float* const sums = shardSums1_.data() + f / kGroup * kTaps * kGroup + f % kGroup;
    for (size_t t = 0; t < kTaps; ++t) {
      gradients(spec_.first.parameters.first)[t * filters + f] =
          static_cast<float>(spec_.scale * sums[t * kGroup] + spec_.offset * bias);
    }
  }
}

// ---- Decisions --------------------------------------------------------------------------------------------

int ConvStem::firstWinner(size_t image, size_t y, size_t x, size_t filter) {
  const size_t at =
      (filter / kGroup * shape_.positions1() + y * shape_.width1 + x) * kGroup + filter % kGroup;
  if (!(values1(image)[at] + blank1_.data()[filter] > 0)) return -1;
  const size_t bit = y * shape_.width1 + x;
  return drawn(image)[bit / 64] >> bit % 64 & 1 ? winners1(image)[at] : 0;
}

int ConvStem::secondWinner(size_t image, size_t y, size_t x, size_t filter) {
  const size_t at = at2(image) + (y * shape_.width2 + x) * norm2_.channels + filter;
  return values2_.data()[at] > 0 ? winners2_.data()[at] : -1;
}

}  // namespace convsweep::cpu
