#include "mua/message_list.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "message/charset.h"
#include "mua/error.h"
#include "mua/settings.h"

namespace angarium::mua {
namespace {

class Parser {
 public:
  Parser(const Listing& listing, Wanted wanted) : listing_(listing), wanted_(wanted), chosen_(listing.box.size()) {}

  Result<std::vector<std::size_t>> parse(std::string_view text) {
    if (listing_.box.size() == 0) return fail(kUsage, "no messages");
    const std::vector<std::string> words = split_words(text);
    if (words.empty()) TRY(choose(listing_.current));
    for (const std::string& word : words) TRY(take(word));
    // Words of several kinds (":n anna") narrow the list, those of a kind ("anna bob") widen it.
    if (!tests_.empty()) narrow();
    if (order_.empty())
      return fail(kUsage, wanted_ == Wanted::deleted ? "no deleted messages" : "no applicable messages");
    return order_;
  }

 private:
  struct Test {
    enum class Kind { state, sender, subject } kind;
    std::string word;
  };

  [[nodiscard]] bool counts(std::size_t number) const {
    return listing_.box.at(number).deleted == (wanted_ == Wanted::deleted);
  }

  Result<> choose(std::size_t number) {
    if (number >= listing_.box.size()) return fail(kUsage, std::to_string(number + 1) + ": no such message");
    if (!counts(number))
      return fail(kUsage,
                  std::to_string(number + 1) + (wanted_ == Wanted::deleted ? ": is not deleted" : ": is deleted"));
    add(number);
    return {};
  }
  void add(std::size_t number) {
    if (!chosen_[number]) order_.push_back(number);
    chosen_[number] = true;
  }
  void choose_range(std::size_t first, std::size_t last) {
    for (std::size_t i = first; i <= last && i < listing_.box.size(); ++i)
      if (counts(i)) add(i);
  }

  /// The first that counts from `from` on, forwards or backwards.
  [[nodiscard]] std::optional<std::size_t> next(std::size_t from, int step) const {
    for (std::size_t i = from + static_cast<std::size_t>(step); i < listing_.box.size();
         i += static_cast<std::size_t>(step))
      if (counts(i)) return i;
    return std::nullopt;
  }

  /// "7", "$", ".", "^"; nothing for other words.
  [[nodiscard]] std::optional<std::size_t> number(std::string_view word) const {
    if (word == "$" || word == "^") {
      const bool last = word == "$";
      const std::size_t size = listing_.box.size();
      for (std::size_t i = 0; i < size; ++i)
        if (const std::size_t at = last ? size - 1 - i : i; counts(at)) return at;
      return last ? size - 1 : 0;
    }
    if (word == ".") return listing_.current;
    const auto value = parse_number<std::size_t>(word);
    if (!value) return std::nullopt;
    return *value == 0 ? listing_.box.size() : *value - 1;  // there is no message 0
  }

  Result<> take(std::string_view word) {
    if (word == "*") {
      choose_range(0, listing_.box.size() - 1);
      return order_.empty() ? Result<>(fail(kUsage, "no applicable messages")) : Result<>();
    }
    if (word == "+" || word == "-") {
      const auto found = next(listing_.current, word == "+" ? 1 : -1);
      if (!found) return fail(kUsage, word == "+" ? "no messages behind this one" : "no messages before this one");
      add(*found);
      return {};
    }
    if (word == "`") {
      for (const std::size_t each : listing_.previous)
        if (each < listing_.box.size() && counts(each)) add(each);
      return {};
    }
    if (const auto one = number(word)) return choose(*one);
    if (const std::size_t dash = word.find('-'); dash != std::string_view::npos && dash > 0) {
      const auto first = number(word.substr(0, dash));
      const auto last = number(word.substr(dash + 1));
      if (first && last) {
        if (*first >= listing_.box.size() || *last >= listing_.box.size() || *last < *first)
          return fail(kUsage, std::string(word) + ": no such messages");
        choose_range(*first, *last);
        return {};
      }
    }
    return take_test(word);
  }

  Result<> take_test(std::string_view word) {
    if (word.starts_with(':')) {
      if (word.size() != 2 || !std::string_view("nurodfa").contains(word[1]))
        return fail(kUsage, std::string(word) +
                                ": the kinds are :n new :u unread :r read :o old :d deleted :f flagged :a answered");
      if (word[1] == 'd') wanted_ = Wanted::deleted;
      tests_.push_back({Test::Kind::state, std::string(word.substr(1))});
    } else if (word.starts_with('/')) {
      tests_.push_back({Test::Kind::subject, message::fold_case(word.substr(1))});
    } else {
      tests_.push_back({Test::Kind::sender, message::fold_case(word)});
    }
    return {};
  }

  [[nodiscard]] bool matches(const Test& test, std::size_t number) const {
    using namespace message;
    if (test.kind == Test::Kind::state) {
      const Entry& entry = listing_.box.at(number);
      const bool seen = (entry.flags & kBoxSeen) != 0;
      const bool old = (entry.flags & kBoxOld) != 0;
      switch (test.word.front()) {
        case 'n': return !seen && !old;
        case 'u': return !seen;
        case 'r': return seen;
        case 'o': return old;
        case 'f': return (entry.flags & kBoxFlagged) != 0;
        case 'a': return (entry.flags & kBoxAnswered) != 0;
        default: return entry.deleted;
      }
    }
    const bool sender = test.kind == Test::Kind::sender;
    const std::string value = fold_case(listing_.field(number, sender ? "from" : "subject"));
    return value.contains(test.word);
  }

  void narrow() {
    if (order_.empty()) choose_range(0, listing_.box.size() - 1);
    for (const auto kind : {Test::Kind::state, Test::Kind::sender, Test::Kind::subject}) {
      if (std::ranges::find(tests_, kind, &Test::kind) == tests_.end()) continue;
      std::erase_if(order_, [&](std::size_t number) {
        return std::ranges::none_of(tests_,
                                    [&](const Test& test) { return test.kind == kind && matches(test, number); });
      });
    }
  }

  const Listing& listing_;
  Wanted wanted_;
  std::vector<bool> chosen_;
  std::vector<std::size_t> order_;
  std::vector<Test> tests_;
};

}  // namespace

Result<std::vector<std::size_t>> parse_list(std::string_view text, const Listing& listing, Wanted wanted) {
  return Parser(listing, wanted).parse(text);
}

}  // namespace angarium::mua
