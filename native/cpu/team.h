#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>

#include "backend/thread_team.h"

namespace convsweep::cpu {

/** Images of a shard at least. */
constexpr size_t kShardImages = 16;
/** Of a batch, since each has sums of its own. */
constexpr size_t kMostShards = 16;
/** Values of a part of an array whose elements have nothing to do with each other. */
constexpr size_t kStretch = 1 << 14;

/** A fixed part of a batch: images [first, last). It depends on the batch alone, not on who works on it. */
struct Shard {
  size_t index, first, last;
};

/** Images of each shard of a batch of `n` but the last. */
constexpr size_t shardImages(size_t n) {
  return std::max(kShardImages, (n + kMostShards - 1) / kMostShards);
}
constexpr size_t shardsOf(size_t n) {
  return (n + shardImages(n) - 1) / shardImages(n);
}

/**
 * Those who work on one network's batches. Sums over a batch are formed per shard and then added in the order
 * of the shards, so that their bits do not depend on the number of workers. Scratch memory belongs to a
 * worker.
 */
class Team {
 public:
  /** Null stands for the calling thread alone. */
  void use(ThreadTeam* threads) { threads_ = threads; }

  size_t workers() const { return threads_ ? threads_->workers() : 1; }

  /** Calls body(first, last, worker) for each `size` items of [0, n), the last part shorter; in any order. */
  template <typename Body>
  void forEachPart(size_t n, size_t size, const Body& body) const {
    const auto part = [&](size_t index, size_t worker) {
      body(index * size, std::min(n, (index + 1) * size), worker);
    };
    const size_t parts = (n + size - 1) / size;
    if (threads_ && parts > 1) return threads_->run(parts, std::cref(part));
    for (size_t index = 0; index < parts; ++index) part(index, 0);
  }

  /** Calls body(shard, worker) for each shard of `n` images; shards may be worked on in any order. */
  template <typename Body>
  void forEachShard(size_t n, const Body& body) const {
    const size_t images = shardImages(n);
    forEachPart(n, images, [&](size_t first, size_t last, size_t worker) {
      body(Shard{first / images, first, last}, worker);
    });
  }

  /** Calls body(image) for each, for what needs neither sums nor scratch. */
  template <typename Body>
  void forEachImage(size_t n, const Body& body) const {
    forEachShard(n, [&](const Shard& shard, size_t) {
      for (size_t i = shard.first; i < shard.last; ++i) body(i);
    });
  }

 private:
  ThreadTeam* threads_ = nullptr;
};

}  // namespace convsweep::cpu
