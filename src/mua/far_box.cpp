#include "mua/far_box.h"

#include "mua/error.h"

namespace angarium::mua {

io::Task<Result<std::unique_ptr<FarBox>>> enter_box(const FarTerms& terms) {
  if (!terms.account.box)
    co_return fail(kUsage,
                   "the account has no server to read mail from: write imap = \"imap.example.org\" in mail.toml");
  sasl::Secret password = CO_TRY(terms.password());
  Reached reached = CO_TRY(co_await terms.dial(*terms.account.box));
  if (terms.account.box->protocol == MailHost::Protocol::pop3)
    co_return co_await enter_pop3(terms, std::move(reached), std::move(password));
  co_return co_await enter_imap(terms, std::move(reached), std::move(password));
}

}  // namespace angarium::mua
