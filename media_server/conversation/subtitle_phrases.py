"""What Whisper says when nobody speaks: ends of videos and credits of subtitles that its training data was full of.

Rules:
- Two lists by language: phrases that hardly anybody says in a conversation, and everyday words that come out of silence
  as well.
- Phrases are lower case without punctuation (`bare_phrase`), and stand for a whole utterance, never for a part of one.
"""

from __future__ import annotations

import re


def bare_phrase(text: str) -> str:
    """Lower case, without punctuation, one space between words."""
    bare = (re.sub(r"[^\w]", "", word) for word in text.casefold().split())
    return " ".join(word for word in bare if word)


def _listed(text: str) -> frozenset[str]:
    return frozenset(bare_phrase(line) for line in text.splitlines() if line.strip())


SUBTITLE_PHRASES = {
    "en": _listed(
        """
        Thanks for watching
        Thank you for watching
        Thank you so much for watching
        Thanks for listening
        Thank you for listening
        Please subscribe
        Please subscribe to my channel
        Don't forget to subscribe
        Don't forget to like and subscribe
        Like and subscribe
        See you in the next video
        See you next time
        I'll see you in the next video
        I'll see you next time
        Subtitles by the Amara.org community
        Subtitles by Amara.org
        Transcription by CastingWords
        The end
        """
    ),
    "de": _listed(
        """
        Untertitel der Amara.org-Community
        Untertitel von Stephanie Geiges
        Untertitel im Auftrag des ZDF für funk, 2017
        Untertitelung des ZDF für funk, 2017
        Untertitelung des ZDF, 2020
        Untertitelung aufgrund der Amara.org-Community
        Copyright WDR 2021
        SWR 2020
        Vielen Dank fürs Zuschauen
        Danke fürs Zuschauen
        Bis zum nächsten Mal
        """
    ),
    "fr": _listed(
        """
        Sous-titres réalisés par la communauté d'Amara.org
        Sous-titres réalisés para la communauté d'Amara.org
        Sous-titrage Société Radio-Canada
        Sous-titrage ST' 501
        Sous-titres par Jérémy Diaz
        Merci d'avoir regardé cette vidéo
        Merci d'avoir regardé
        Abonnez-vous
        À bientôt pour une nouvelle vidéo
        """
    ),
    "es": _listed(
        """
        Subtítulos realizados por la comunidad de Amara.org
        Subtítulos por la comunidad de Amara.org
        Subtítulos en español de Amara.org
        Gracias por ver el video
        Gracias por ver el vídeo
        Gracias por ver
        Suscríbete al canal
        ¡Suscríbete!
        Hasta la próxima
        """
    ),
    "pt": _listed(
        """
        Legendas pela comunidade Amara.org
        Legendas pela comunidade de Amara.org
        Obrigado por assistir
        Obrigada por assistir
        Inscreva-se no canal
        Até o próximo vídeo
        """
    ),
    "it": _listed(
        """
        Sottotitoli creati dalla comunità Amara.org
        Sottotitoli e revisione a cura di QTSS
        Sottotitoli a cura di QTSS
        Grazie per aver guardato il video
        Grazie per la visione
        Iscriviti al canale
        Alla prossima
        """
    ),
    "nl": _listed(
        """
        Ondertitels ingediend door de Amara.org gemeenschap
        Ondertiteld door de Amara.org gemeenschap
        Bedankt voor het kijken
        Tot de volgende keer
        TV Gelderland 2021
        """
    ),
    "ja": _listed(
        """
        ご視聴ありがとうございました
        ご視聴ありがとうございます
        ご清聴ありがとうございました
        チャンネル登録をお願いいたします
        チャンネル登録お願いします
        最後までご視聴いただきありがとうございます
        字幕は自動生成されています
        """
    ),
    "zh": _listed(
        """
        请不吝点赞 订阅 转发 打赏支持明镜与点点栏目
        請不吝點贊 訂閱 轉發 打賞支持明鏡與點點欄目
        字幕由Amara.org社区提供
        字幕由 Amara.org 社群提供
        中文字幕志愿者 李宗盛
        字幕志愿者 李宗盛
        谢谢观看
        謝謝觀看
        感谢观看
        """
    ),
    "ko": _listed(
        """
        시청해주셔서 감사합니다
        시청해 주셔서 감사합니다
        구독과 좋아요 부탁드립니다
        다음 영상에서 만나요
        한글자막 by 한효정
        """
    ),
    "ru": _listed(
        """
        Субтитры сделал DimaTorzok
        Субтитры создавал DimaTorzok
        Редактор субтитров А.Семкин Корректор А.Егорова
        Продолжение следует
        Спасибо за просмотр
        Подписывайтесь на канал
        """
    ),
}
"""Sources: what users report (Vexa-ai/vexa 155 and 617, EdF2021/ithaka 96), and what recordings of noise gave us."""
EVERYDAY_PHRASES = {
    "en": frozenset(
        {"you", "thank you", "thank you very much", "thanks", "bye", "bye bye", "so", "oh", "okay", "the", "i"}
    ),
    "de": frozenset({"vielen dank", "danke", "tschüss", "ja", "so", "das wars"}),
    "fr": frozenset({"merci", "au revoir", "oui", "je"}),
    "es": frozenset({"gracias", "muchas gracias", "adiós", "sí", "y"}),
    "pt": frozenset({"obrigado", "obrigada", "tchau", "e aí", "sim"}),
    "it": frozenset({"grazie", "ciao", "sì", "e"}),
    "nl": frozenset({"dank u wel", "dank je wel", "ja", "het"}),
    "ja": frozenset({"ありがとうございました", "はい", "うん"}),
    "zh": frozenset({"谢谢", "謝謝", "好", "我"}),
    "ko": frozenset({"감사합니다", "네", "아"}),
    "ru": frozenset({"спасибо", "да", "пока"}),
}
