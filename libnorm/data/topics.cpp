#include "libnorm/data/topics.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace libnorm {
namespace {

constexpr Index kMost = Index(1) << 20;

/// Sums of the words' weights 2^40 / (rank + 3), rounded down: [W].
std::vector<Index> cumulative_weights(Index words) {
  std::vector<Index> sums;
  sums.reserve(std::size_t(words));
  Index sum = 0;
  for (Index rank = 0; rank < words; ++rank) {
    sum += (Index(1) << 40) / (rank + 3);
    sums.push_back(sum);
  }
  return sums;
}

/// The numbers of one text: a stretch of 2^32 of the stream for each.
class TextRandom {
 public:
  TextRandom(const Random& random, Index text)
      : random_(random), next_(std::uint64_t(text) << 32) {}

  Index below(Index n) { return random_.below(next_++, n); }
  bool chance(double share) { return random_.uniform(next_++) < share; }

 private:
  const Random& random_;
  std::uint64_t next_;
};

/// Two even draws make a bulk of the right width; one text in 16 goes on for longer.
Index draw_length(const Topics& topics, TextRandom& random) {
  const Index mean = topics.mean_length, step = 3 * mean / 5;
  Index length = 2 * mean / 5;
  for (int draw = 0; draw < 2; ++draw) length += random.below(step);
  if (random.below(16) == 0) length += random.below(2 * step);
  return std::min(length, topics.length);
}

/// The class whose words a text of class `own` uses.
Index draw_topic(const Topics& topics, Index own, TextRandom& random) {
  if (!random.chance(topics.off_topic)) return own;
  return (own + 1 + random.below(topics.classes - 1)) % topics.classes;
}

Index draw_rank(const Topics& topics, const std::vector<Index>& sums, Index topic,
                TextRandom& random) {
  const Index drawn = random.below(sums.back());
  const Index rank = std::upper_bound(sums.begin(), sums.end(), drawn) - sums.begin();
  if (rank < topics.common) return rank;
  // A topic word's place in its group is its class.
  const Index place = (rank - topics.common) % (3 * topics.classes);
  const Index group = rank - place;
  const bool any = place >= topics.classes || group + topics.classes > Index(sums.size());
  if (any || place == topic || random.chance(topics.leak)) return rank;
  return group + topic;
}

}  // namespace

void Topics::check() const {
  const Index words = vocabulary - kFirstWord;
  const auto share = [](double x) { return x >= 0 && x <= 1; };
  if (classes < 2 || classes > kMost || common < 0 || common > kMost || vocabulary > kMost ||
      words < common + 3 * classes || mean_length < 8 || mean_length > kMost || length < 3 ||
      length > kMost || !share(leak) || !share(repeats) || !share(off_topic)) {
    throw ValueError(
        "Topics: impossible options (classes " + std::to_string(classes) + ", vocabulary " +
        std::to_string(vocabulary) + ", mean_length " + std::to_string(mean_length) + ", length " +
        std::to_string(length) + ", common " + std::to_string(common) + ", leak " +
        std::to_string(leak) + ", repeats " + std::to_string(repeats) + ", off_topic " +
        std::to_string(off_topic) +
        "); need 2 classes, 103 + common + 3 x classes words, a mean length of 8, a length of 3, "
        "shares within 0 .. 1, and nothing above 2^20");
  }
}

Corpus Topics::draw(std::uint64_t seed, std::uint32_t stream, Index count) const {
  check();
  if (count < 0) {
    throw ValueError("Topics: negative number of texts (" + std::to_string(count) +
                     "); need 0 or more");
  }
  const std::vector<Index> sums = cumulative_weights(vocabulary - kFirstWord);
  const Random numbers(seed, Purpose::corpus, stream);
  Corpus corpus;
  corpus.ids.reserve(std::size_t(count * std::min(mean_length + 1, length)));
  for (Index i = 0; i < count; ++i) {
    TextRandom random(numbers, i);
    const Index own = i % classes;
    const Index topic = draw_topic(*this, own, random);
    const Index words = draw_length(*this, random) - 2;
    const std::size_t first_word = corpus.ids.size() + 1;
    corpus.ids.push_back(kBegin);
    for (Index w = 0; w < words; ++w) {
      const bool again = w > 0 && random.chance(repeats);
      const std::int32_t id =
          again ? corpus.ids[first_word + std::size_t(random.below(w))]
                : kFirstWord + std::int32_t(draw_rank(*this, sums, topic, random));
      corpus.ids.push_back(id);
    }
    corpus.ids.push_back(kEnd);
    corpus.first.push_back(Index(corpus.ids.size()));
    corpus.labels.push_back(std::int32_t(own));
  }
  return corpus;
}

}  // namespace libnorm
