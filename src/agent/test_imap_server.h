// An IMAP server that does what a test wants.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "agent/test_fetch.h"
#include "base/text.h"
#include "wire/framing/input.h"

namespace angarium::agent::fetching {

/// An IMAP server of one folder, as simple as it can be, that does what the test wants.
class Played {
 public:
  explicit Played(There& there) {
    there.played = [this](wire::Connection& connection) { return serve(connection); };
  }

  io::Task<> serve(wire::Connection& connection) {
    wire::Input input;
    if (!co_await io::write_all(connection, "* OK here\r\n")) co_return;
    while (true) {
      const auto line = input.take_line(60'000);
      if (!line) co_return;
      if (!*line) {
        if (!co_await input.more(connection)) co_return;
        continue;
      }
      std::string_view command = (*line)->text;
      if (command == "DONE") {
        if (!co_await io::write_all(connection, idle_ + " OK\r\n")) co_return;
        continue;
      }
      const std::string tag(take_until(command, ' '));
      heard.emplace_back(command);
      if (command == "IDLE") {
        idle_ = tag;
        if (!co_await io::write_all(connection, "+ idling\r\n")) co_return;
        continue;
      }
      // The last line is tagged.
      std::string said = answer(heard.back());
      said.insert(said.find_last_of('\n', said.size() - 3) + 1, tag + " ");
      if (!co_await io::write_all(connection, said)) co_return;
    }
  }

  std::string answer(const std::string& command) {
    if (instead)
      if (auto other = instead(command)) return *other;
    if (command == "CAPABILITY") return "* CAPABILITY " + capabilities + "\r\nOK\r\n";
    if (command.starts_with("SELECT") || command.starts_with("EXAMINE")) return select();
    if (command.starts_with("UID FETCH ")) return fetch(command.substr(10));
    if (command.starts_with("UID SEARCH DELETED")) return found(deleted);
    if (command.starts_with("UID SEARCH ")) {
      std::set<std::uint32_t> all;
      for (const auto& [uid, text] : messages) all.insert(uid);
      return found(all);
    }
    if (command.starts_with("UID STORE ")) {
      for (const std::uint32_t uid : in_set(command.substr(10))) deleted.insert(uid);
    } else if (command == "EXPUNGE") {
      for (const std::uint32_t uid : deleted) messages.erase(uid);
      deleted.clear();
    } else if (command.starts_with("UID EXPUNGE ")) {
      for (const std::uint32_t uid : in_set(command.substr(12)))
        if (deleted.erase(uid) > 0) messages.erase(uid);
    }
    return "OK\r\n";
  }

  /// Commands that begin so.
  std::size_t count(std::string_view begin) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(heard, [&](const auto& one) { return one.starts_with(begin); }));
  }

  std::map<std::uint32_t, std::string> messages;  ///< by UID
  std::map<std::uint32_t, std::string> refused;   ///< UIDs whose text is refused, in these words
  std::set<std::uint32_t> deleted;                ///< marked so
  std::string capabilities = "IMAP4rev1";
  std::vector<std::string> heard;
  std::function<std::optional<std::string>(const std::string&)> instead;  ///< asked first

  /// "1:3,7" and "4:*", of the UIDs that are there.
  std::vector<std::uint32_t> in_set(std::string_view text) const {
    text = take_until(text, ' ');
    std::set<std::uint32_t> chosen;
    while (!text.empty()) {
      std::string_view range = take_until(text, ',');
      const std::string_view first = take_until(range, ':');
      const std::uint32_t from = parse_number<std::uint32_t>(first).value_or(0);
      const std::uint32_t last = messages.empty() ? 0 : messages.rbegin()->first;
      const std::uint32_t to = range.empty() ? from : parse_number<std::uint32_t>(range).value_or(last);
      for (const auto& [uid, octets] : messages)
        if ((uid >= from && uid <= to) || (range == "*" && uid == last)) chosen.insert(uid);
    }
    return {chosen.begin(), chosen.end()};
  }
  /// The response that brings a message.
  std::string message(std::uint32_t uid) const {
    const std::string& octets = messages.at(uid);
    return "* 1 FETCH (UID " + std::to_string(uid) + " FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" BODY[] {" +
           std::to_string(octets.size()) + "}\r\n" + octets + ")\r\n";
  }

 private:
  std::string select() const {
    const std::uint32_t next = messages.empty() ? 1 : messages.rbegin()->first + 1;
    return "* " + std::to_string(messages.size()) + " EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT " +
           std::to_string(next) + "] n\r\nOK\r\n";
  }
  std::string fetch(const std::string& rest) const {
    std::string said;
    std::string end = "OK\r\n";
    for (const std::uint32_t uid : in_set(rest)) {
      if (rest.find("BODY") == std::string::npos) {
        said += "* 1 FETCH (UID " + std::to_string(uid) + ")\r\n";
      } else if (const auto no = refused.find(uid); no != refused.end()) {
        end = (no->second.starts_with("BAD ") ? "" : "NO ") + no->second + "\r\n";
      } else {
        said += message(uid);
      }
    }
    return said + end;
  }
  static std::string found(const std::set<std::uint32_t>& uids) {
    std::string said = "* SEARCH";
    for (const std::uint32_t uid : uids) said += " " + std::to_string(uid);
    return said + "\r\nOK\r\n";
  }

  std::string idle_;  ///< the tag of IDLE
};

}  // namespace angarium::agent::fetching
