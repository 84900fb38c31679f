#include "mailbox/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "mailbox/keys.h"
#include "mailbox/limits.h"
#include "mailbox/record.h"
#include "mailbox/record_opener.h"
#include "mailbox/verify_changes.h"
#include "store/keys.h"

namespace angarium::mailbox {

namespace {

/// Looks at one account after the other, all at one moment.
class Verifier {
 public:
  Verifier(store::Tablet& tablet, store::ReadView view) : tablet_(tablet), view_(std::move(view)) {}

  Result<MailReport> run() {
    TRY(read_graves());
    std::vector<AccountId> accounts;
    TRY(scan(Key(RecordKind::account),
             [&](std::string_view key, std::string_view) { accounts.push_back(key_number(key, kAccountAt, 8)); }));
    for (const AccountId account : accounts) TRY(check_account(account));
    return std::move(report_);
  }

 private:
  struct Mailbox {
    std::string name;
    bool selectable = true;
    std::size_t keywords = 0;
    std::optional<MailboxCounters> counters;
    Tally tally;
  };

  Result<> scan(std::string_view prefix, const std::function<void(std::string_view, std::string_view)>& each) {
    return tablet_.scan(prefix, store::after_prefix(prefix), {},
                        [&](std::string_view key, std::string_view value) {
                          each(key, value);
                          return store::Step::next;
                        },
                        {.view = &view_});
  }

  void find(std::string text) {
    if (report_.damage.size() < MailReport::kFindingsMax) report_.damage.push_back(std::move(text));
  }

  Result<> read_graves() {
    return scan(Key(RecordKind::grave), [&](std::string_view key, std::string_view value) {
      auto emails = decode_emails(value);
      if (!emails) return find("a grave record is damaged");
      for (const EmailId email : *emails) graves_[key_number(key, 10, 8)].insert(email);
    });
  }

  Result<> check_account(AccountId account) {
    ++report_.accounts;
    account_ = account;
    mailboxes_.clear();
    places_.clear();
    sizes_.clear();
    const auto record = TRY(tablet_.get(account_key(account), {.view = &view_}));
    auto counters = record ? AccountCounters::decode(*record) : AccountCounters();
    if (!counters) find(fmt::format("account {}: its counters are damaged", account));
    highest_ = counters.value_or(AccountCounters());
    TRY(read_mailboxes());
    for (const auto& [id, mailbox] : mailboxes_)
      if (mailbox.counters) {
        highest_.modseq = std::max(highest_.modseq, mailbox.counters->modseq);
        highest_.email_next = std::max(highest_.email_next, mailbox.counters->email_next);
      }
    TRY(read_changes());
    TRY(read_blocks());
    changes_->finish();
    check_counters();
    TRY(check_metadata());
    TRY(read_threads());
    TRY(check_emails());
    check_thread_keys();
    return check_shares();
  }

  Result<> read_mailboxes() {
    std::map<std::string, MailboxId> names;
    TRY(scan(Key(RecordKind::mailbox, account_), [&](std::string_view key, std::string_view value) {
      ++report_.mailboxes;
      const auto id = static_cast<MailboxId>(key_number(key, kAfterAccount, 4));
      auto record = MailboxRecord::decode(value);
      if (!record) return find(fmt::format("account {} mailbox {}: its record is damaged", account_, id));
      mailboxes_[id].name = record->name;
      mailboxes_[id].selectable = record->selectable;
      if (!names.emplace(record->name, id).second)
        find(fmt::format("account {}: two mailboxes are called {}", account_, record->name));
    }));
    TRY(scan(Key(RecordKind::counters, account_), [&](std::string_view key, std::string_view value) {
      const auto id = static_cast<MailboxId>(key_number(key, kAfterAccount, 4));
      auto counters = MailboxCounters::decode(value);
      if (!counters || !mailboxes_.contains(id))
        return find(fmt::format("account {} mailbox {}: counters are damaged or of no mailbox", account_, id));
      mailboxes_[id].counters = *counters;
    }));
    TRY(scan(Key(RecordKind::access, account_), [&](std::string_view key, std::string_view value) {
      const auto id = static_cast<MailboxId>(key_number(key, kAfterAccount, 4));
      if (!decode_access(value) || !mailboxes_.contains(id))
        find(fmt::format("account {} mailbox {}: an access control list is damaged or of no mailbox", account_, id));
    }));
    return scan(Key(RecordKind::keyword, account_), [&](std::string_view key, std::string_view) {
      const auto id = static_cast<MailboxId>(key_number(key, kAfterAccount, 4));
      if (!mailboxes_.contains(id)) return find(fmt::format("account {}: a keyword of no mailbox", account_));
      mailboxes_[id].keywords = std::max(mailboxes_[id].keywords, key_number(key, kAfterMailbox, 2) + 1);
    });
  }

  Result<> read_changes() {
    changes_.emplace(highest_.modseq,
                     [this](const std::string& text) { find(fmt::format("account {} {}", account_, text)); });
    return scan(Key(RecordKind::change, account_), [&](std::string_view key, std::string_view value) {
      const Modseq modseq = key_number(key, kAfterAccount, 8);
      auto record = ChangeRecord::decode(modseq, value);
      if (!record) return find(fmt::format("account {} change {}: its record is damaged", account_, modseq));
      changes_->take(modseq, *record);
    });
  }

  Result<> read_blocks() {
    return scan(Key(RecordKind::block, account_), [&](std::string_view key, std::string_view value) {
      const auto id = static_cast<MailboxId>(key_number(key, kAfterAccount, 4));
      const auto number = static_cast<std::uint32_t>(key_number(key, kAfterMailbox, 4));
      auto block = Block::decode(number, value);
      const auto mailbox = mailboxes_.find(id);
      if (!block || mailbox == mailboxes_.end())
        return find(fmt::format("account {} mailbox {}: block {} is damaged or of no mailbox", account_, id, number));
      mailbox->second.tally += block->tally();
      for (const Entry& entry : block->entries()) check_entry(id, mailbox->second, *block, entry);
    });
  }

  void check_entry(MailboxId id, const Mailbox& mailbox, const Block& block, const Entry& entry) {
    ++report_.messages;
    auto wrong = [&](std::string_view what) {
      find(fmt::format("account {} mailbox {} UID {}: {}", account_, id, entry.uid, what));
    };
    if (!mailbox.counters || entry.uid >= mailbox.counters->uid_next) wrong("the UID is not below UIDNEXT");
    if (!mailbox.counters || entry.modseq > mailbox.counters->modseq) wrong("the MODSEQ is above HIGHESTMODSEQ");
    if (entry.email >= highest_.email_next) wrong("the email id was never assigned");
    block.keywords(entry).for_each([&](std::uint16_t index) {
      if (index >= mailbox.keywords) wrong("a keyword has no name");
    });
    changes_->check(id, entry.uid, entry.modseq);
    ++places_[entry.email];
    const auto [size, first] = sizes_.emplace(entry.email, block.sizes(entry));
    if (!first && size->second != block.sizes(entry)) wrong("the email has another size elsewhere");
  }

  void check_counters() {
    for (const auto& [id, mailbox] : mailboxes_) {
      if (!mailbox.selectable) {
        if (mailbox.tally != Tally())
          find(fmt::format("account {} mailbox {}: messages under a name only", account_, id));
      } else if (!mailbox.counters || mailbox.counters->tally != mailbox.tally) {
        find(fmt::format("account {} mailbox {}: its counters are not those of its messages", account_, id));
      }
    }
  }

  Result<> check_metadata() {
    return scan(Key(RecordKind::metadata, account_), [&](std::string_view key, std::string_view value) {
      const auto id = static_cast<MailboxId>(key_number(key, kAfterAccount, 4));
      if (id != 0 && !mailboxes_.contains(id)) find(fmt::format("account {}: an annotation of no mailbox", account_));
      if (key.size() <= kAfterMetadataOwner || key.size() > kAfterMetadataOwner + kMetadataNameMax ||
          value.size() > kMetadataValueMax)
        find(fmt::format("account {} mailbox {}: an annotation cannot be so", account_, id));
    });
  }

  Result<> check_emails() {
    std::uint64_t found = 0;
    const auto keys = TRY(keyring::Keys::ids(tablet_, account_, {.view = &view_}));
    TRY(scan(Key(RecordKind::email, account_), [&](std::string_view key, std::string_view value) {
      ++report_.emails;
      const EmailId id = key_number(key, kAfterAccount, 8);
      auto email = decode_email(id, value);
      if (!email) return find(fmt::format("account {} email {}: its record is damaged", account_, id));
      check_thread(*email);
      if (const auto by = key_of(*email); by && !std::ranges::binary_search(keys, *by))
        find(fmt::format("account {} email {}: the key that it is sealed by is not there", account_, id));
      const auto size = sizes_.find(id);
      if (size == sizes_.end()) {
        if (!graves_[account_].contains(id)) find(fmt::format("account {} email {}: in no mailbox", account_, id));
        return;
      }
      ++found;
      // Without the key it is not known whether there is another form.
      const bool same = email->sealed.empty()
                            ? size->second == Sizes{email->size, email->ascii_size.value_or(email->size)}
                            : size->second.original == email->size;
      if (!same) find(fmt::format("account {} email {}: its size is not as listed", account_, id));
    }));
    if (found != sizes_.size()) find(fmt::format("account {}: {} emails are missing", account_, sizes_.size() - found));
    return {};
  }

  Result<> read_threads() {
    thread_of_.clear();
    TRY(scan(Key(RecordKind::thread, account_), [&](std::string_view key, std::string_view) {
      const EmailId email = key_number(key, kAfterAccount + 8, 8);
      if (!thread_of_.emplace(email, key_number(key, kAfterAccount, 8)).second)
        find(fmt::format("account {} email {}: it is listed in two threads", account_, email));
    }));
    message_ids_.clear();
    return scan(Key(RecordKind::message_id, account_), [&](std::string_view key, std::string_view value) {
      const std::uint64_t hash = key_number(key, kAfterAccount, 8);
      auto thread = decode_number(value);
      if (!thread) return find(fmt::format("account {} message-id {:x}: its record is damaged", account_, hash));
      message_ids_[hash] = {*thread, false};
    });
  }

  /// The first email of a thread names it and is not listed; every later one is.
  void check_thread(const EmailView& email) {
    auto wrong = [&](std::string_view what) { find(fmt::format("account {} email {}: {}", account_, email.id, what)); };
    const auto listed = thread_of_.find(email.id);
    if (listed == thread_of_.end() ? email.thread != email.id
                                   : email.thread == email.id || listed->second != email.thread)
      wrong("it is not listed in its thread as it should be");
    if (listed != thread_of_.end()) thread_of_.erase(listed);
    for (std::size_t at = 0; at + 8 <= email.thread_keys.size(); at += 8) {
      std::uint64_t hash = 0;
      for (std::size_t i = 8; i > 0; --i) hash = hash << 8 | static_cast<unsigned char>(email.thread_keys[at + i - 1]);
      const auto key = message_ids_.find(hash);
      if (key == message_ids_.end())
        wrong("a message-id of it leads nowhere");
      else if (key->second.first == email.thread)
        key->second.second = true;
    }
  }

  void check_thread_keys() {
    for (const auto& [email, thread] : thread_of_)
      find(fmt::format("account {} thread {}: email {} is listed in it but is not there", account_, thread, email));
    for (const auto& [hash, key] : message_ids_)
      if (!key.second)
        find(fmt::format("account {} message-id {:x}: no email of thread {} has it", account_, hash, key.first));
  }

  Result<> check_shares() {
    std::unordered_map<EmailId, std::uint64_t> shares;
    TRY(scan(Key(RecordKind::share, account_), [&](std::string_view key, std::string_view value) {
      shares[key_number(key, kAfterAccount, 8)] = decode_number(value).value_or(0);
    }));
    std::uint64_t shared = 0;
    for (const auto& [email, count] : places_) {
      const auto share = shares.find(email);
      if (count > 1) ++shared;
      if (count != 1 + (share == shares.end() ? 0 : share->second))
        find(fmt::format("account {} email {}: it is in {} mailboxes, but counted otherwise", account_, email, count));
    }
    if (shared != shares.size())
      find(fmt::format("account {}: emails are counted in mailboxes they are not in", account_));
    return {};
  }

  store::Tablet& tablet_;
  store::ReadView view_;
  MailReport report_;
  std::unordered_map<AccountId, std::unordered_set<EmailId>> graves_;
  // Of the account looked at:
  AccountId account_ = 0;
  AccountCounters highest_;
  std::map<MailboxId, Mailbox> mailboxes_;
  std::unordered_map<EmailId, std::uint64_t> places_;
  std::unordered_map<EmailId, Sizes> sizes_;
  std::optional<ChangeAudit> changes_;
  std::unordered_map<EmailId, ThreadId> thread_of_;                           // as the thread keys say
  std::unordered_map<std::uint64_t, std::pair<ThreadId, bool>> message_ids_;  // and whether an email claimed it
};

}  // namespace

Result<MailReport> verify_mail(store::Tablet& tablet) { return Verifier(tablet, TRY(tablet.view())).run(); }

}  // namespace angarium::mailbox
