#include "protocol/imap/message_limit.h"

#include <array>

namespace angarium::protocol::imap {
namespace {

using Key = SearchNode::Key;

constexpr std::string_view kWords = "Done for the newest messages; the others are left";

std::string code_of(const Session& session) { return "MESSAGELIMIT " + std::to_string(session.options.message_limit); }

NumberSet all_uids(const View& view) {
  NumberSet uids;
  std::array<Entry, 64> entries;
  for (std::size_t at = 0, count = 0; (count = view.read(at, entries)) != 0; at += count)
    for (std::size_t i = 0; i < count; ++i) uids.add(entries[i].uid);
  return uids;
}

NumberSet above(std::uint64_t uid) {
  return uid >= UINT32_MAX ? NumberSet{} : NumberSet({{static_cast<std::uint32_t>(uid) + 1, UINT32_MAX}});
}

NumberSet below(std::uint64_t uid) {
  return uid <= 1 ? NumberSet{} : NumberSet({{1, static_cast<std::uint32_t>(uid) - 1}});
}

}  // namespace

Limited limited(const Session& session, NumberSet uids) {
  const std::uint64_t limit = session.options.message_limit;
  const std::uint64_t count = uids.count();
  if (limit == 0 || count <= limit) return {.uids = std::move(uids), .code = {}};
  auto newest = uids.slice(count - limit, count);
  auto code = code_of(session) + " " + std::to_string(newest.ranges().front().first);
  return {.uids = std::move(newest), .code = std::move(code)};
}

Result<NumberSet> searched(const Session& session, const SearchProgram& program) {
  const auto& selected = *session.selected;
  auto uids = all_uids(selected.view());
  for (const auto& node : program.root.children) {
    if (node.key == Key::uid_after) uids = uids.intersection(above(node.number));
    if (node.key == Key::uid_before) uids = uids.intersection(below(node.number));
    if (node.key != Key::uid && node.key != Key::sequence) continue;
    if (node.key == Key::sequence && !node.set.saved && session.has(kUidOnly))
      return fail(kUidRequired, "Message numbers are not allowed once UIDONLY is enabled; search for UID");
    const auto addressing = node.key == Key::uid ? Addressing::uid : Addressing::sequence;
    bool ghosts = false;
    uids = uids.intersection(selected.uids(selected.resolve_there(node.set, addressing), ghosts));
  }
  return uids;
}

Reply beyond_limit(const Session& session, std::string code) {
  return {Status::no, code.empty() ? code_of(session) : std::move(code), "Too many messages for one command"};
}

Reply with_limit(Session& session, Reply reply, const std::string& code) {
  if (code.empty()) return reply;
  if (reply.code.empty()) {
    reply.code = code;
  } else {
    session.untagged(Status::no, kWords, code);
  }
  return reply;
}

Error with_limit(Session& session, Error error, const std::string& code) {
  if (!code.empty() && !error.is(kSessionOver)) session.untagged(Status::no, kWords, code);
  return error;
}

}  // namespace angarium::protocol::imap
