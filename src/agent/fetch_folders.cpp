#include "agent/fetch_folders.h"

#include <algorithm>

#include "base/text.h"
#include "mailbox/name.h"

namespace angarium::agent {
namespace {

namespace imap = protocol::imap;

/// RFC 9051 §5.1: INBOX is the same in any case of its letters.
bool is(std::string_view there, std::string_view name) {
  return there == name || (equals_ignore_case(there, "INBOX") && equals_ignore_case(name, "INBOX"));
}

std::string here_of(const fetch::Box& box, std::string_view there, std::optional<char> delimiter) {
  if (equals_ignore_case(there, "INBOX")) return box.into.empty() ? "INBOX" : box.into;
  std::string name;
  for (const char c : there) name += delimiter && c == *delimiter ? '/' : c == '/' ? '_' : c;
  if (!box.into.empty()) name = box.into + "/" + name;
  const auto canonical = mailbox::canonical_name(name);
  if (canonical) return *canonical;
  return box.into.empty() ? "INBOX" : box.into;
}

}  // namespace

io::Task<Result<std::vector<FetchFolder>>> list_folders(imap::Client& client, const fetch::Box& box,
                                                        std::string& remark) {
  std::vector<FetchFolder> found;
  if (box.folders.empty()) found.push_back({"INBOX", here_of(box, "INBOX", std::nullopt)});
  const bool all = box.folders.size() == 1 && box.folders.front() == "*";
  if (box.folders.empty()) co_return found;
  // Where names are listed we learn the delimiter, and how the server writes what it named.
  const auto rows = CO_TRY(co_await client.list("", "*"));
  for (const imap::ListResponse& row : rows) {
    const bool wanted = all || std::ranges::any_of(box.folders, [&](const auto& name) { return is(row.name, name); });
    // What shows the messages of other folders once more.
    const bool copies = all && (row.attributes & (imap::kNameAll | imap::kNameFlagged)) != 0;
    if (!wanted || copies || (row.attributes & (imap::kNameNoSelect | imap::kNameNonExistent)) != 0) continue;
    found.push_back({row.name, here_of(box, row.name, row.delimiter)});
  }
  for (const std::string& name : box.folders) {
    const bool there = all || std::ranges::any_of(found, [&](const FetchFolder& one) { return is(one.there, name); });
    if (!there) remark = "the server has no folder '" + name + "'";
  }
  const auto inbox = std::ranges::find_if(found, [](const FetchFolder& one) { return is(one.there, "INBOX"); });
  if (inbox != found.end()) std::rotate(found.begin(), inbox, std::next(inbox));
  co_return found;
}

}  // namespace angarium::agent
