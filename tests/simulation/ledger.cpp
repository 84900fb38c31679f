#include "simulation/ledger.h"

#include <fmt/format.h>

#include <algorithm>

namespace angarium::simulation {
namespace {

constexpr std::string_view kPostmaster = "postmaster@";

/// What follows the name in the first line from `from` on that begins with it.
std::string_view field(std::string_view text, std::string_view name, std::size_t from = 0) {
  const std::string wanted = "\n" + std::string(name);
  const std::size_t at = text.find(wanted, from);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + wanted.size();
  return text.substr(begin, text.find('\r', begin) - begin);
}

std::string_view in_brackets(std::string_view text) {
  const std::size_t open = text.find('<');
  const std::size_t close = text.find('>');
  if (open == std::string_view::npos || close == std::string_view::npos || close < open) return {};
  return text.substr(open + 1, close - open - 1);
}

}  // namespace

std::string name_of(Who who) { return who == kUsers ? "users" : "h" + std::to_string(who); }

std::string token_of(std::string_view text) { return std::string(in_brackets(field(text, "Message-ID: "))); }

std::size_t Ledger::begin(Who from, Who to, std::string token, std::vector<std::string> recipients) {
  if (!letters_.contains(token)) origin_.try_emplace(token, from);
  for (const std::string& recipient : recipients) {
    const Copies& sent = copies(from, token, recipient);
    if (from != kUsers && sent.out >= held(from, token, recipient))
      journal_.blame(fmt::format("{} sends {} to {} once more, though it knows that all its copies arrived",
                                 name_of(from), token, recipient));
    ++copies(to, token, recipient).in;
  }
  passages_.push_back({from, to, std::move(token), std::move(recipients)});
  return passages_.size() - 1;
}

void Ledger::answer(std::size_t passage, Answer answer, std::string line) {
  Passage& one = passages_[passage];
  if (one.answer != Answer::pending) return;  // it died meanwhile
  one.answer = answer;
  journal_.note(name_of(one.to), fmt::format("answers {} for {}: {}", name_of(one.from), one.token, line));
  for (const std::string& recipient : one.recipients) {
    Copies& here = copies(one.to, one.token, recipient);
    if (answer == Answer::refused) --here.in;
    if (answer == Answer::taken) ++here.sure;
  }
  if (answer != Answer::taken) return;
  ++counts_.passages;
  if (one.from == kUsers) ++counts_.letters;
  by_line_.emplace(std::move(line), passage);
}

void Ledger::hear(Who who, std::string_view line, Moment at) {
  const auto found = by_line_.find(line);
  if (found == by_line_.end() || passages_[found->second].from != who) return;
  if (who != kUsers) heard_[who].emplace_back(found->second, at);
}

void Ledger::durable(Who who, Moment at) {
  std::erase_if(heard_[who], [&](const auto& heard) {
    if (heard.second >= at) return false;
    const Passage& passage = passages_[heard.first];
    for (const std::string& recipient : passage.recipients) ++copies(who, passage.token, recipient).out;
    return true;
  });
}

void Ledger::forget(Who who) {
  heard_.erase(who);
  for (std::size_t i = 0; i < passages_.size(); ++i)
    if (passages_[i].to == who && passages_[i].answer == Answer::pending) answer(i, Answer::unknown, "nothing");
}

int Ledger::held(Who who, const std::string& token, const std::string& recipient) {
  const auto origin = origin_.find(token);
  const int own = origin != origin_.end() && origin->second == who ? 1 : 0;
  return own + copies(who, token, recipient).in;
}

int Ledger::everywhere(const std::string& token, const std::string& recipient) const {
  int sum = 0;
  for (const auto& [key, here] : copies_)
    if (std::get<1>(key) == token && std::get<2>(key) == recipient) sum += here.in;
  return sum;
}

/// Counts a message that lies in a mailbox, and takes a report to pieces.
void Ledger::read(const Stored& stored) {
  const std::string token = token_of(stored.text);
  ++found_[{stored.box, token}];
  if (stored.text.find("multipart/report") == std::string::npos) return;
  // The last one is that of the letter, also in a report of a report.
  std::string about;
  for (std::size_t at = stored.text.find("\nMessage-ID: "); at != std::string::npos;
       at = stored.text.find("\nMessage-ID: ", at + 1))
    about = token_of(std::string_view(stored.text).substr(at));
  constexpr std::string_view kRecipient = "\nFinal-Recipient: rfc822;";
  for (std::size_t at = stored.text.find(kRecipient); at != std::string::npos;
       at = stored.text.find(kRecipient, at + 1)) {
    const std::size_t begin = at + kRecipient.size();
    const std::string recipient = stored.text.substr(begin, stored.text.find('\r', begin) - begin);
    const std::string action(field(stored.text, "Action: ", begin));
    if (stored.box.starts_with(kPostmaster)) {
      if (action == "failed") postmasters_know_.emplace(about, recipient);
    } else {
      reports_[{about, recipient}].by_action[action].insert(token);
    }
  }
}

void Ledger::check(const std::vector<Stored>& stored) {
  for (const Stored& one : stored) {
    read(one);
    check_body(one);
  }
  std::map<std::string, std::set<std::string>> owed;
  for (const Passage& passage : passages_)
    if (passage.from == kUsers && passage.answer == Answer::taken)
      owed[passage.token].insert(passage.recipients.begin(), passage.recipients.end());
  for (const auto& [token, recipients] : owed) check_letter(letters_.at(token), recipients);
  check_copies();
}

/// As its user wrote it, to the last octet.
void Ledger::check_body(const Stored& stored) {
  const auto letter = letters_.find(token_of(stored.text));
  if (letter == letters_.end()) return;
  const std::size_t end_of_header = stored.text.find("\r\n\r\n");
  if (end_of_header == std::string::npos ||
      std::string_view(stored.text).substr(end_of_header + 4) != letter->second.body)
    journal_.blame(fmt::format("{} in {} is not what was written", letter->first, stored.box));
}

/// `owed`: those of its recipients whom a server has taken.
void Ledger::check_letter(const Letter& letter, const std::set<std::string>& owed) {
  for (const Addressed& to : letter.recipients) {
    const Address& address = to.address;
    if (!owed.contains(address.text)) continue;
    const auto& told = reports_[{letter.token, address.text}].by_action;
    const bool known = postmasters_know_.contains({letter.token, address.text});
    if (address.kind == Address::Kind::reader) {
      for (const std::string& box : address.boxes)
        if (!found_.contains({box, letter.token}))
          journal_.blame(
              fmt::format("{} to {} was acknowledged and is not in the mailbox {}", letter.token, address.text, box));
      if (told.contains("failed") || known)
        journal_.blame(fmt::format("{} to {} came back, though nothing but faults that pass stood in its way",
                                   letter.token, address.text));
      if (to.tells("SUCCESS") && letter.sender.kind == Address::Kind::reader && !letter.sender.text.empty() &&
          !told.contains("delivered"))
        journal_.blame(
            fmt::format("nobody told {} that {} to {} was delivered", letter.sender.text, letter.token, address.text));
      continue;
    }
    const bool wanted = to.notify.empty() || to.tells("FAILURE");
    const bool readable = letter.sender.kind == Address::Kind::reader && !letter.sender.text.empty();
    counts_.bounced += wanted ? 1 : 0;
    if (wanted && !(readable ? told.contains("failed") : known))
      journal_.blame(fmt::format("{} to {} was acknowledged, and {} was not told that it failed", letter.token,
                                 address.text, readable ? letter.sender.text : "a postmaster"));
  }
}

void Ledger::check_copies() {
  // A box may be reached by several addresses.
  std::map<std::pair<std::string, std::string>, int> allowed;
  for (const auto& [token, letter] : letters_) {
    for (const Addressed& to : letter.recipients) {
      for (const std::string& box : to.address.boxes) {
        const int at = box.substr(box.find('@') + 2).front() - '0';
        allowed[{box, token}] += copies(at, token, to.address.text).in;
      }
    }
  }
  for (const auto& [where, count] : found_) {
    const auto& [box, token] = where;
    int most = 1;  // a report that was made here
    if (letters_.contains(token)) {
      most = allowed[where];
    } else {
      for (const auto& [key, here] : copies_)
        if (std::get<1>(key) == token && std::get<2>(key) == box) most = std::max(most, here.in);
    }
    if (count > most)
      journal_.blame(fmt::format("{} lies {} times in {}, and {} times it may", token, count, box, most));
    counts_.repeated += static_cast<std::uint64_t>(count - 1);
  }
  for (const auto& [what, reports] : reports_) {
    for (const auto& [action, ids] : reports.by_action)
      if (static_cast<int>(ids.size()) > everywhere(what.first, what.second))
        journal_.blame(fmt::format("{} reports that {} to {} was {}", ids.size(), what.first, what.second, action));
  }
}

}  // namespace angarium::simulation
