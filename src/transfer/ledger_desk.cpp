#include "transfer/ledger_desk.h"

#include <string_view>
#include <utility>

namespace angarium::transfer {

io::Task<Result<std::string>> known_at(const Desk& desk, std::vector<Fingerprint> asked) {
  co_return co_await io::run(
      desk.pool, [&tablet = desk.tablet, account = desk.account, asked = std::move(asked)]() -> Result<std::string> {
        std::vector<std::string> keys;
        for (const Fingerprint& one : asked) keys.push_back(ledger_key(account, one));
        const std::vector<std::string_view> views(keys.begin(), keys.end());
        const auto values = TRY(tablet.multi_get(views));
        std::string answer;
        for (const auto& value : values) answer.push_back(value ? '\1' : '\0');
        return answer;
      });
}

io::Task<Result<>> note_at(const Desk& desk, std::vector<Fingerprint> names, mailbox::MailboxId mailbox) {
  if (names.empty()) co_return Result<>();
  store::Batch batch;
  for (const Fingerprint& name : names) note_name(desk.account, name, mailbox, batch);
  auto noted = co_await io::run(desk.pool, [&tablet = desk.tablet, batch = std::move(batch)]() mutable {
    return tablet.commit_and_wait(std::move(batch));
  });
  if (!noted) co_return std::unexpected(std::move(noted).error());
  co_return Result<>();
}

}  // namespace angarium::transfer
