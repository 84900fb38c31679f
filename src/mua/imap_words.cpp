#include "mua/imap_words.h"

#include <algorithm>
#include <span>

#include "mua/error.h"

namespace angarium::mua {
namespace {

/// UIDs of one command.
constexpr std::size_t kSetMax = 500;

}  // namespace

message::BoxFlags flags_of(const protocol::imap::FetchResponse& fetched) {
  message::BoxFlags flags = fetched.recent ? 0 : message::kBoxOld;
  if (!fetched.flags) return flags;
  for (const FlagPair& pair : kFlagPairs)
    if ((fetched.flags->system & pair.there) != 0) flags |= pair.here;
  return flags;
}

std::vector<std::string> in_sets(const std::vector<std::uint32_t>& uids) {
  std::vector<std::string> sets;
  for (std::size_t i = 0; i < uids.size(); i += kSetMax) {
    protocol::imap::NumberSet set;
    for (const std::uint32_t uid : std::span(uids).subspan(i, std::min(kSetMax, uids.size() - i))) set.add(uid);
    sets.push_back(set.text());
  }
  return sets;
}

Result<void> TakenMessage::begin([[maybe_unused]] std::string_view before, std::uint64_t size) {
  if (size > max_) return fail(kHost, "the message is too large to be shown");
  size_ = size;
  octets_.emplace();
  return {};
}

io::ValueOrTask<Result<void>> TakenMessage::append(std::string_view octets) {
  // A server may send more than it was asked for: a literal twice.
  if (octets_->size() + octets.size() > max_) return Result<void>(fail(kHost, "the message is too large to be shown"));
  *octets_ += octets;
  if (progress_) progress_(octets_->size(), size_);
  return Result<void>();
}

}  // namespace angarium::mua
