#include "agent/fetch_incoming.h"

#include <algorithm>

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

/// What is kept of a response until it is taken; the server may send more than it was asked for.
imap::FetchResponse needed(const imap::FetchResponse& told) {
  imap::FetchResponse kept;
  kept.uid = told.uid;
  kept.flags = told.flags;
  kept.internal_date = told.internal_date;
  kept.internal_zone_minutes = told.internal_zone_minutes;
  kept.contents.push_back({.label = {}, .octets = told.contents.front().octets});
  return kept;
}

std::size_t octets_of(const imap::FetchResponse& kept) {
  std::size_t octets = kept.contents.front().octets.value_or("").size();
  if (kept.flags)
    for (const std::string& keyword : kept.flags->keywords) octets += keyword.size();
  return octets;
}

/// Octets of messages in quoted strings, which hold no line break, so that no message that is one comes so; and of
/// keywords.
constexpr std::size_t kQuotedMax = std::size_t{1} << 20;

}  // namespace

fetch::FolderState with_message(const fetch::FolderState& state, std::uint32_t uid,
                                const std::set<std::uint32_t>& open) {
  fetch::FolderState after = state;
  after.last = std::max(after.last, uid);
  for (const std::uint32_t other : open) {
    if (other > uid) break;
    const auto at = std::ranges::lower_bound(after.owed, other, {}, &fetch::Owed::uid);
    if (at == after.owed.end() || at->uid != other) after.owed.insert(at, {.uid = other, .refusals = 0, .next = {}});
  }
  std::erase_if(after.owed, [&](const fetch::Owed& one) { return one.uid == uid; });
  return after;
}

Result<void> FetchIncoming::begin(std::string_view, std::uint64_t) {
  if (trouble_) return std::unexpected(*trouble_);
  if (current_) return fail(imap::kServerBroke, "the server sends a message twice");
  current_ = std::make_unique<FetchTaking>(run_);
  current_->begin();
  return {};
}

io::ValueOrTask<Result<void>> FetchIncoming::append(std::string_view octets) {
  if (waiting_.empty()) return current_->append(octets);
  return take_then_append(octets);
}

io::Task<Result<>> FetchIncoming::take_then_append(std::string_view octets) {
  CO_TRY(co_await take_waiting());
  co_return co_await current_->append(octets);
}

void FetchIncoming::told(const imap::Response& response) {
  const auto* const one = std::get_if<imap::FetchResponse>(&response);
  // News of flags come in between.
  if (one == nullptr || one->contents.empty() || trouble_) return;
  if (!one->uid || !open_.contains(*one->uid)) {
    trouble_ = Error(imap::kServerBroke, "the server sends a message that was not asked for");
  } else if (!arrived_.insert(*one->uid).second) {
    trouble_ = Error(imap::kServerBroke, "the server sends a message twice");
  } else {
    waiting_.push_back({.told = needed(*one), .octets = std::move(current_)});
    waiting_octets_ += octets_of(waiting_.back().told);
    if (waiting_octets_ > kQuotedMax)
      trouble_ = Error(imap::kServerBroke, "the server sends messages in quoted strings, or keywords without end");
  }
  current_.reset();
}

io::Task<Result<>> FetchIncoming::take_waiting() {
  while (!waiting_.empty()) {
    if (trouble_) co_return std::unexpected(*trouble_);
    FetchArrived one = std::move(waiting_.front());
    waiting_.pop_front();
    const std::uint32_t uid = *one.told.uid;
    open_.erase(uid);
    CO_TRY(co_await take_(std::move(one)));
  }
  waiting_octets_ = 0;
  co_return Result<>();
}

io::Task<Result<>> FetchIncoming::take_rest() {
  if (trouble_) co_return std::unexpected(*trouble_);
  if (current_) co_return fail(imap::kServerBroke, "the server sends a message that was not asked for");
  co_return co_await take_waiting();
}

}  // namespace angarium::agent
