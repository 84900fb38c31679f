#include "agent/imap_search.h"

#include <chrono>

#include "agent/imap_texts.h"
#include "base/log.h"
#include "index/index.h"
#include "mailbox/stored_mail.h"
#include "message/date.h"
#include "message/header.h"
#include "store/error.h"

namespace angarium::agent {
namespace {

using Key = protocol::imap::SearchNode::Key;

/// Days since 1970-01-01 of a date as its writer put it.
std::int64_t days_of(const message::CivilDay& day) {
  using namespace std::chrono;
  return sys_days(year_month_day(year(day.year), month(static_cast<unsigned>(day.month)),
                                 std::chrono::day(static_cast<unsigned>(day.day))))
      .time_since_epoch()
      .count();
}

using Verdict = protocol::imap::Candidates::Verdict;

Verdict verdict(index::Found::Verdict of) {
  switch (of) {
    case index::Found::Verdict::no: return Verdict::no;
    case index::Found::Verdict::yes: return Verdict::yes;
    default: return Verdict::look;
  }
}

class Indexed final : public protocol::imap::Candidates {
 public:
  explicit Indexed(index::Found found) : found_(std::move(found)) {}
  [[nodiscard]] Verdict of(const protocol::imap::Entry& message) const override {
    return verdict(found_.of(message.email));
  }

  // The exact ones have none.
  [[nodiscard]] std::uint8_t score(const protocol::imap::Entry&) const override { return 0; }
  [[nodiscard]] std::span<const float> weights() const override { return {}; }

 private:
  index::Found found_;
};

class IndexedAlike final : public protocol::imap::Candidates {
 public:
  explicit IndexedAlike(index::Alike alike) : alike_(std::move(alike)) {}
  [[nodiscard]] Verdict of(const protocol::imap::Entry& message) const override {
    return verdict(alike_.of(message.email));
  }
  [[nodiscard]] std::uint8_t score(const protocol::imap::Entry& message) const override {
    return static_cast<std::uint8_t>(alike_.score(message.email));
  }
  [[nodiscard]] std::span<const float> weights() const override { return alike_.weights(); }

 private:
  index::Alike alike_;
};

}  // namespace

std::uint64_t header_octets(const mailbox::EmailView& email) {
  const auto structure = message_structure(email);
  return structure ? structure->root().body_begin : email.size;
}

message::TextPlaces places_of(const protocol::imap::TextKey& key) {
  using message::TextPlace;
  switch (key.key) {
    case Key::from: return place_bit(TextPlace::from);
    case Key::to: return place_bit(TextPlace::to);
    case Key::cc: return place_bit(TextPlace::cc);
    case Key::bcc: return place_bit(TextPlace::bcc);
    case Key::subject: return place_bit(TextPlace::subject);
    case Key::header: return place_bit(message::place_of_field(key.name));
    // RFC 9051 §6.4.4: TEXT looks at MIME header fields, too; BODY does not.
    case Key::body: return place_bit(TextPlace::body);
    case Key::text: return message::kEveryPlace;
    default: return 0;
  }
}

TextMatcher::TextMatcher(const protocol::imap::TextKey& key)
    : key_(key.key), search_(places_of(key), key.value, key.name, key.collation), day_(key.day) {
  if (key.fuzzy) fuzzy_.emplace(search_.places(), key.value, key.name, key.weights);
}

bool TextMatcher::needs_body() const { return key_ == Key::body || key_ == Key::text; }

bool TextMatcher::sent(std::string_view octets) const {
  const auto field = message::Header(octets).find("Date");
  const auto date = field ? message::parse_date(field->value) : std::nullopt;
  if (!date) return false;
  const std::int64_t days = days_of(date->day);
  if (key_ == Key::sent_before) return days < day_.days;
  return key_ == Key::sent_on ? days == day_.days : days >= day_.days;
}

char TextMatcher::matches(std::string_view octets, const std::optional<message::Structure>& structure) const {
  const auto* const parts = structure ? &*structure : nullptr;
  if (fuzzy_) return static_cast<char>(fuzzy_->score(octets, parts));
  const bool matches = search_.places() == 0 ? sent(octets) : search_.found_in(octets, parts);
  return matches ? 1 : 0;
}

namespace {

bool damaged(const Error& error) { return error.is(store::kDamaged) || error.is(mailbox::kDamaged); }

/// How it matches; an error when it cannot be read. `octets`: room for what has to be read.
Result<char> match_one(store::Tablet& tablet, keyring::Keys* keys, mailbox::AccountId account,
                       const TextMatcher& matcher, mailbox::EmailId id, std::string& octets) {
  octets.clear();
  const mailbox::EmailPtr email = TRY(mailbox::stored_email(tablet, keys, account, id));
  if (email == nullptr) return '\0';  // expunged meanwhile
  std::optional<message::Structure> structure;
  if (matcher.needs_body()) {
    structure = message_structure(email->view());
    TRY(structure ? mailbox::read_texts(tablet, *email, *structure, octets)
                  : mailbox::read_on(tablet, *email, (*email)->size, octets));
  } else {
    TRY(mailbox::read_on(tablet, *email, header_octets(email->view()), octets));
  }
  return matcher.matches(octets, structure);
}

Result<MatchedTurn> match_some(store::Tablet& tablet, keyring::Keys* keys, mailbox::AccountId account,
                               const TextMatcher& matcher, std::span<const mailbox::EmailId> emails) {
  MatchedTurn turn;
  // One for all: memory that is freed and asked for again costs more than what is read into it.
  std::string octets;
  std::size_t sum = 0;
  for (std::size_t i = 0; i < emails.size() && sum < kMatchTurn; ++i) {
    auto matches = match_one(tablet, keys, account, matcher, emails[i], octets);
    sum += octets.size();
    turn.matches.push_back(matches ? *matches : '\0');
    if (matches) continue;
    // One damaged message must not make the others unfindable.
    if (!damaged(matches.error())) return std::unexpected(std::move(matches).error());
    turn.damaged.push_back({i, std::move(matches).error()});
  }
  return turn;
}

}  // namespace

io::Task<Result<MatchedTurn>> match_turn(SearchedMail mail, std::shared_ptr<const TextMatcher> matcher,
                                         std::vector<mailbox::EmailId> emails) {
  co_return co_await mail.searching.run(
      mail.party, [&tablet = mail.tablet, keys = mail.keys, account = mail.account, matcher = std::move(matcher),
                   emails = std::move(emails)] { return match_some(tablet, keys, account, *matcher, emails); });
}

namespace {

using CandidatesPtr = std::shared_ptr<const protocol::imap::Candidates>;

Result<CandidatesPtr> ask_index(const index::Index& index, const index::Question& question, bool fuzzy) {
  if (fuzzy) {
    auto alike = TRY(index.find_alike(question));
    return alike ? std::make_shared<const IndexedAlike>(*std::move(alike)) : CandidatesPtr();
  }
  auto found = TRY(index.find(question));
  return found ? std::make_shared<const Indexed>(*std::move(found)) : CandidatesPtr();
}

}  // namespace

io::Task<Result<std::shared_ptr<const protocol::imap::Candidates>>> find_candidates(SearchedMail mail,
                                                                                    protocol::imap::TextKey key) {
  const message::TextPlaces places = places_of(key);
  if (places == 0) co_return nullptr;
  const bool everywhere = places == message::kEveryPlace;
  auto found = co_await mail.searching.run(
      mail.party, [&tablet = mail.tablet, account = mail.account, fuzzy = key.fuzzy, value = std::string(key.value),
                   name = std::string(key.name), places = everywhere ? index::kAllPlaces : index::Places{places}] {
        return ask_index(index::Index(tablet, account), {value, places, name}, fuzzy);
      });
  if (!found) {
    // The mail is there: it is read instead.
    log::warning("imap", "the index does not answer, a search reads all mail",
                 {{"account", mail.account}, {"kind", found.error().kind().name}, {"error", found.error().text()}});
    co_return nullptr;
  }
  co_return *std::move(found);
}

}  // namespace angarium::agent
