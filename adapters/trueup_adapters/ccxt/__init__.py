"""How is an account at a crypto exchange asked, through ccxt, and what do its answers mean?

Reading order:
    rows      lists of rows, judged so that none is lost: read, refused, or not ours
    numbers   what number a row states, exactly
    markets   a symbol's one name, and what one of it is
    words     sides, kinds and states, in whichever words
    amounts   how much was ordered and is filled, by whose word
    reasons   what made an execution
    positions, holdings, orders, trades   rows into what they state, one by one; pure
    left_out  rows of the exchange's answer that ccxt dropped
    methods   what the rows of a method of ccxt state
    samples   recorded answers of many exchanges, read and counted
    exchange  what is used of a ccxt object, and what an exchange offers
    hearing   the bodies of replies, heard while ccxt reads them
    guarding  rows that ccxt cannot read, kept apart from the others
    faults    what ccxt's exceptions mean, told without anybody's keys
    memory    which symbols this account trades
    history   all executions since a moment, page by page
    lookup    one order, wherever it may be
    asking    questions and their completeness
    acting    actions, sent once
    connecting  when a connection was broken
    broker    all of it joined: `CcxtBroker`
"""

from trueup_adapters.ccxt.broker import CcxtBroker

__all__ = ["CcxtBroker"]
