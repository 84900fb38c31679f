#include "wire/framing/spare.h"

#include <utility>

namespace angarium::wire {

Spare::Spare() {
  blocks_.reserve(kMostBlocks);
  strings_.reserve(kMostStrings);
}

Spare& Spare::of_this_thread() {
  thread_local Spare spare;
  return spare;
}

std::unique_ptr<char[]> Spare::take_block() {
  if (blocks_.empty()) return std::make_unique_for_overwrite<char[]>(kBlock);
  auto block = std::move(blocks_.back());
  blocks_.pop_back();
  return block;
}

void Spare::give_block(std::unique_ptr<char[]> block) noexcept {
  if (blocks_.size() < kMostBlocks) blocks_.push_back(std::move(block));
}

std::string Spare::take_string() {
  if (strings_.empty()) {
    std::string fresh;
    fresh.reserve(kFirstCapacity);
    return fresh;
  }
  auto string = std::move(strings_.back());
  strings_.pop_back();
  return string;
}

void Spare::give_string(std::string string) noexcept {
  if (strings_.size() == kMostStrings || string.capacity() > kMostCapacity || string.capacity() < kFirstCapacity)
    return;
  string.clear();
  strings_.push_back(std::move(string));
}

}  // namespace angarium::wire
