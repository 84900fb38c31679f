// Letters about letters: to whom an answer goes, and what it says it answers.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "mua/draft.h"

namespace angarium::mua {

enum class Answer : std::uint8_t { to_sender, to_all };

/// To Reply-To, else From, and to all who got it; with the ids of those before it and its own (RFC 5322 §3.6.2,
/// §3.6.4). Nobody twice; who `is_own`, by "local@domain", is no recipient of a copy. Without recipients where the
/// header names nobody.
Draft answer_to(std::string_view header, Answer answer, const std::function<bool(std::string_view)>& is_own);
/// "Re: …", once.
std::string subject_with(std::string_view prefix, std::string subject);

}  // namespace angarium::mua
